// A path on which much is lost and nothing is punctual: nobody who watches over it is let go.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lossy } from './support/lossy.mjs';

const SECONDS = 60;

test('a viewer under 10 % loss and 200 ms of jitter is never let go', async (t) => {
  let log = '';
  const seen = await lossy(SECONDS, { log: (text) => { log = text; } });
  t.diagnostic(JSON.stringify({ suspected: seen.suspected, doubts: seen.doubts, packets: seen.packets, frames: seen.frames }));
  const { up, down, lostUp, lostDown, overtakenDown } = seen.packets;
  assert.ok(lostUp > up / 20 && lostDown > down / 20 && overtakenDown > down / 10, 'the link was really bad');
  assert.deepEqual(seen.left, [], log);
  assert.deepEqual(seen.peers.map(({ id }) => id), [seen.first], log);
  assert.deepEqual(seen.connections, ['connected'], log);
  // The last may be shorter, and fall into a pause.
  assert.ok(seen.windows.slice(0, -1).every((frames) => frames > 0), `frames per 10 s: ${seen.windows}\n${log}`);
});
