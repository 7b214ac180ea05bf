// A stream whose encoder is not ours, with keyframes far apart: joining it, and coming back to it after a cut.

import { clip } from '../../tests/browser/support/clip.mjs';
import { freeze } from './seen.mjs';
import { plays, sleep, Stage } from './stage.mjs';

const JOINERS = 10;
const WATCH_S = 6;
const CUTS = 3;
const CUT_MS = 2000;
const LINK = { kind: 'router', rate: 50_000_000 };

/** @param add takes what was measured and its series */
export async function foreign(add) {
  for (const gop of [240, 600]) {
    // Noise, so that the encoder needs the bit rate.
    const camera = plays(clip(`8M-${gop}`, ['-x264-params', 'scenecut=0:sliced-threads=0'],
      { seconds: 180, rate: 8_000_000, gop, filter: 'noise=alls=20:allf=t' }));
    const what = `joins-foreign, ${gop / 30} s between keyframes`;
    await Stage.run(camera, { joiners: LINK, beside: { kind: 'wide' } }, (stage) => joining(stage, what, add));
    await Stage.run(camera, { cut: LINK }, (stage) => cuts(stage, what, gop / 30, add));
  }
}

async function joining(stage, what, add) {
  const gaps = Array.from({ length: JOINERS }, () => Math.random() * 4);
  const seconds = gaps.reduce((sum, gap) => sum + gap + WATCH_S + 1, 0);
  const bystander = stage.watch('beside', { settle: 0, seconds });
  await bystander.hear('counting', { patience: 60_000 });
  const from = Date.now();
  const pictures = [];
  const freezes = [];
  let failure;
  for (const gap of gaps) {
    await sleep(gap * 1000);
    const joiner = stage.watch('joiners', { 'from-start': true, seconds: WATCH_S });
    await joiner.hear('counting', { patience: 10_000 });
    const joined = Date.now();
    const [seen] = await joiner.each(30_000);
    pictures.push(seen.picture_ms ?? NaN);
    freezes.push(freeze(seen.frames ?? [], joined, joined + WATCH_S * 1000));
    failure ??= seen.failure;
  }
  const to = Date.now();
  const [watching] = await bystander.each(60_000);
  add(`${what}: first picture, ms`, pictures, failure ?? undefined);
  add(`${what}: freeze after it, ms`, freezes);
  add(`${what}: bystander's freeze, ms`, [freeze(watching.frames, from, Math.min(to, from + seconds * 1000))]);
}

async function cuts(stage, what, apart, add) {
  // Longer than the longest wait for a keyframe by itself.
  const each = (CUT_MS / 1000 + apart + 5) * 1000;
  const crowd = stage.watch('cut', { settle: 2, seconds: CUTS * each / 1000 + 4 });
  await crowd.hear('counting', { patience: 30_000 });
  const healed = [];
  for (let cut = 0; cut < CUTS; cut++) {
    await sleep(each - CUT_MS);
    stage.links.lose('cut', 100);
    await sleep(CUT_MS);
    stage.links.heal('cut');
    healed.push(Date.now());
  }
  const [{ frames }] = await crowd.each(60_000);
  const next = (moment) => frames.find(([at]) => at > moment)?.[0] ?? NaN;
  add(`${what}: healed after ${CUT_MS} ms → next frame, ms`, healed.map((moment) => next(moment) - moment));
}
