// A path that stalls: what is sent arrives, but seconds later.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from './support/acts.mjs';
import { decoded, inbound } from './support/browser.mjs';
import { shown } from './support/faults.mjs';
import { watchOver } from './support/link.mjs';

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** As long as a phone's handover may take. */
const STALL_MS = 2000;

async function watched(t) {
  const viewer = await watchOver();
  t.after(viewer.end);
  return viewer;
}

test('a stall closes the camera and ends no connection', async (t) => {
  const { server, link, page } = await watched(t);
  const since = performance.now();
  link.stall('Up', 'Down');
  await server.until(({ cameras: [{ state }] }) => state === 'closed', 'the camera is closed meanwhile');
  await sleep(since + STALL_MS - performance.now());
  const { framesDecoded } = await inbound(page);
  link.release();
  const released = clock();
  await decoded(page, framesDecoded + 30);
  // The frames that were held up are seconds late. Those that come now are not to be shown as late.
  const fresh = (frames) => frames.filter(({ received }) => received > released + 300);
  await page.waitForFunction((from) => window.frames.filter(({ received }) => performance.timeOrigin + received > from).length > 10, released + 300);
  const late = fresh(await shown(page)).map(({ at, received }) => at - received);
  console.log(`after the stall pictures are shown ${median(late).toFixed(0)} ms after they came`);
  assert.ok(median(late) < 500, `${median(late)} ms`);
  const { peers, verdicts } = await server.debug();
  assert.deepEqual(peers.map(({ id, state }) => [id, state]), [['peer-1', 'watching']]);
  assert.deepEqual(verdicts, []);
  assert.equal(await page.evaluate(() => window.connections.length), 1);
});

test('what a stall lets go of after its viewer has vanished buys no time', async (t) => {
  const { server, link } = await watched(t);
  // It goes on to hear and to answer for a moment; then nothing more is sent.
  link.stall('Up');
  await sleep(200);
  link.both({ cut: true });
  await server.until(({ peers: [{ state }] }) => state === 'suspect', 'it is suspect');
  await sleep(STALL_MS);
  link.release();
  await server.until(({ peers: [{ state }] }) => state === 'away', 'it is away');
  assert.match(server.log, /peer-1: is there after all/);
  const silence = Number(/peer-1: away after ([\d.]+)s of silence/.exec(server.log)[1]) * 1000;
  console.log(`away ${silence.toFixed(0)} ms after the last packet came`);
  assert.ok(silence > 1800 && silence < 3100, `${silence} ms of silence`);
});
