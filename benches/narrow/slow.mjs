// One viewer whose link carries a quarter of what the camera gives, beside three with room, until its link widens.

import { clip } from '../../tests/browser/support/clip.mjs';
import { ages, back, bytes, FPS, freeze, least, rate } from './seen.mjs';
import { measured, plays, Stage, test } from './stage.mjs';

const WIDE = 100_000_000;
const NARROW_S = 60;
const AFTER_S = 20;

/** @param add takes what was measured and its series */
export async function slow(add) {
  const cameras = { test: test(2_000_000), exec: plays(clip('slices', ['-threads', '2'])) };
  for (const [name, camera] of Object.entries(cameras)) {
    const narrow = await measured(camera) / 4;
    add(`slow, ${name}: the narrow link, kbit/s`, [narrow / 1000]);
    for (const kind of ['local', 'router']) {
      await Stage.run(camera, { slow: { kind, rate: narrow }, beside: { kind: 'wide' } }, (stage) => one(stage, `slow, ${kind}, ${name}`, add));
    }
  }
}

async function one(stage, what, add) {
  const look = async () => ({ watching: (await stage.debug()).peers.length, counters: await stage.counters('skipped', 'dropped', 'resent') });
  const { mine, others, looked: { watching, counters }, from, widened, end } = await stage.besideSlow({ narrow: NARROW_S, after: AFTER_S, wide: WIDE, look });
  const { frames, picture_ms: picture, failure, asked } = mine;
  const first = frames[0]?.[0] ?? from;
  add(`${what}: first picture, ms`, [picture], failure);
  add(`${what}: frames/s of ${FPS}`, [rate(frames, first, widened)]);
  add(`${what}: least frames/s in 2 s`, [least(frames, first, widened, 2000)]);
  add(`${what}: freeze, ms`, [freeze(frames, from, widened)]);
  add(`${what}: age, ms`, ages(frames, from, widened));
  add(`${what}: kbit/s`, [bytes(mine, from, widened) * 8 / 1000]);
  add(`${what}: let go by the server`, [4 - watching]);
  add(`${what}: the viewer lost its connection after, ms`, [mine.disconnected_ms ?? NaN]);
  add(`${what}: keyframes asked for`, [asked]);
  add(`${what}: widened → full rate, s`, [back(frames, widened, end)]);
  add(`${what}: bystanders' freeze, ms`, others.map(({ frames: seen }) => freeze(seen, from, end)));
  add(`${what}: bystanders' frames/s`, others.map(({ frames: seen }) => rate(seen, from, end)));
  for (const [name, value] of Object.entries(counters)) add(`${what}: ${name} of all when it widened`, [value]);
}
