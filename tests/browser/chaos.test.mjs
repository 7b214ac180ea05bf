// The promise of supervision, under fire.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chaos } from './support/chaos.mjs';

test('whatever dies, cameras close, pictures go on, nothing leaks and everything is seen', async () => {
  const seen = await chaos(60);
  console.log(seen);
  assert.ok(seen.kills > 300, `enough died: ${seen.kills}`);
  assert.deepEqual(seen.openTooLong, [], 'no camera is open without viewers');
  assert.deepEqual(seen.still, [], 'no picture stands still');
  assert.deepEqual(seen.unseen, [], 'every exit is in /debug');
  assert.deepEqual(seen.left, [], 'everybody is back');
  assert.equal(seen.panics, 0);
  assert.equal(seen.status, 0, 'the server went on to the end');
  // Connections of this test's own may be open.
  assert.ok(seen.idle.descriptors <= seen.fresh.descriptors + 8, 'descriptors do not grow');
  // A server just started may not have all of its few threads; a leak would be one a kill.
  assert.ok(seen.idle.threads <= seen.fresh.threads + 3, `threads do not grow: ${seen.fresh.threads}, ${seen.idle.threads}`);
  assert.ok(seen.after.kilobytes < seen.before.kilobytes * 1.5 + 8192, 'memory does not grow');
});
