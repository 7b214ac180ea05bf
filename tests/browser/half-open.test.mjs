// A flood of offers that nobody follows up, as a broken page or an attacker makes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { halfOpen } from './support/half-open.mjs';

test('a thousand offers in a minute harm nobody', async (t) => {
  // At that rate, and for long enough that all places are taken.
  const seen = await halfOpen(18);
  const { offers, most, healthy, joined, answers, fresh, after, idle } = seen;
  t.diagnostic(JSON.stringify({
    offers, most, share: seen.share, pause: healthy.longest_pause_ms, joined: joined.map(({ first_frame_ms }) => first_frame_ms), fresh, after, idle,
  }));
  assert.ok(offers >= 300 && most >= 100, `${offers} offers, at most ${most} peers`);
  assert.ok(answers.every(({ status }) => status === 201), 'nobody is refused');
  assert.equal(healthy.status, 0);
  assert.ok(healthy.longest_pause_ms < 1000, `the picture stood still for ${healthy.longest_pause_ms} ms`);
  assert.ok(healthy.broken_frames < healthy.frames / 20, `${healthy.broken_frames} broken frames`);
  assert.ok(!/peer-2: (suspect|gone \((?!whep_delete))/.test(seen.log), 'who watches is not suspected');
  assert.ok(joined.length >= 4, `${joined.length} have joined`);
  assert.deepEqual(joined.map(({ status, frames }) => [status, frames]), joined.map(() => [0, 30]), 'who comes sees');
  assert.ok(idle.descriptors <= fresh.descriptors + 8, `descriptors: ${fresh.descriptors}, ${idle.descriptors}`);
  assert.ok(idle.kilobytes < fresh.kilobytes * 1.5 + 8192, `kB: ${fresh.kilobytes}, ${idle.kilobytes}`);
  assert.equal(seen.open, 0, 'the WebSockets of offers that were let go are closed');
  assert.equal(seen.status, 0);
});
