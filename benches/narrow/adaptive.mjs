// An encoder that follows the slowest viewer's link, beside one that does not: what the slow one sees, and the others.

import { ages, bytes, freeze, rate } from './seen.mjs';
import { measured, Stage, test } from './stage.mjs';

const NARROW_S = 30;
const AFTER_S = 20;
const WIDE = 100_000_000;

/** @param add takes what was measured and its series */
export async function adaptive(add) {
  const narrow = await measured(test(2_000_000)) / 2;
  add('adaptive: the narrow link, kbit/s', [narrow / 1000]);
  for (const follows of [true, false]) {
    const camera = test(2_000_000, [1280, 720], { adaptive_bitrate: follows, min_bitrate: 250_000 });
    await Stage.run(camera, { slow: { kind: 'router', rate: narrow }, beside: { kind: 'wide' } }, (stage) => one(stage, follows ? 'adaptive' : 'fixed', add));
  }
}

async function one(stage, what, add) {
  const look = async () => ({ ...(await stage.debug()).streams[0], ...await stage.counters('late_frames') });
  const { mine, others, looked: { limited_to_bps: limit, late_frames: late }, from, widened, end } = await stage.besideSlow({ narrow: NARROW_S, after: AFTER_S, wide: WIDE, look });
  const settled = from + 5000;
  add(`${what}: the encoder is held to, kbit/s`, [limit === null ? NaN : limit / 1000]);
  add(`${what}: the slow one's frames/s`, [rate(mine.frames, settled, widened)]);
  add(`${what}: its freeze, ms`, [freeze(mine.frames, settled, widened)]);
  add(`${what}: age, ms`, ages(mine.frames, settled, widened));
  add(`${what}: its kbit/s`, [bytes(mine, settled, widened) * 8 / 1000]);
  add(`${what}: late frames, of all`, [late]);
  add(`${what}: bystanders' frames/s`, others.map(({ frames }) => rate(frames, settled, widened)));
  add(`${what}: bystanders' kbit/s`, others.map((it) => bytes(it, settled, widened) * 8 / 1000));
  add(`${what}: bystanders' kbit/s in the last 5 s`, others.map((it) => bytes(it, end - 5000, end) * 8 / 1000));
}
