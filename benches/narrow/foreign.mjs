// A stream whose encoder is not ours, with keyframes far apart: joining it, and coming back to it after a cut.

import { clip } from '../../tests/browser/support/clip.mjs';
import { freeze, missing } from './seen.mjs';
import { plays, sleep, Stage } from './stage.mjs';

const JOINERS = 10;
const CUTS = 3;
export const CUT_MS = 2000;
const RATE = 50_000_000;
// A queue of 100 ms. In a shorter one more of a keyframe is lost than str0m asks for again: its NACKs reach back over
// 100 packets, a browser's over 1000.
export const LINK = { kind: 'router', rate: RATE, limit: RATE / 8 / 10 };

/** A program with so many frames between keyframes. Noise, so that the encoder needs the bit rate. */
export const camera = (gop) => plays(clip(`8M-${gop}`, ['-x264-params', 'scenecut=0:sliced-threads=0'],
  { seconds: 180, rate: 8_000_000, gop, filter: 'noise=alls=20:allf=t' }));

/** @param add takes what was measured and its series */
export async function foreign(add) {
  for (const gop of [240, 600]) {
    const what = `joins-foreign, ${gop / 30} s between keyframes`;
    await Stage.run(camera(gop), { joiners: LINK, beside: { kind: 'wide' } }, (stage) => joining(stage, what, gop / 30, add));
    await Stage.run(camera(gop), { cut: LINK }, (stage) => cuts(stage, what, gop / 30, add));
  }
}

/** Each stays for longer than the longest wait for a keyframe by itself; of those who are there at a time the link
 *  carries the bit rates. */
async function joining(stage, what, apart, add) {
  const stay = apart + 2;
  const at = [];
  for (let moment = 0; at.length < JOINERS; moment += stay / 4 + Math.random() * stay / 8) at.push(moment);
  const seconds = at.at(-1) + stay + 1;
  const bystander = stage.watch('beside', { settle: 0, seconds: seconds + 2 });
  await bystander.hear('counting', { patience: 60_000 });
  const from = Date.now();
  const joiners = await Promise.all(at.map(async (moment) => {
    await sleep(moment * 1000);
    const joiner = stage.watch('joiners', { 'from-start': true, seconds: stay });
    await joiner.hear('counting', { patience: 10_000 });
    const joined = Date.now();
    const [seen] = await joiner.each(60_000);
    const frames = seen.frames ?? [];
    return { ...seen, decoded: (frames[0]?.[0] ?? NaN) - joined, freeze: freeze(frames, joined, joined + stay * 1000) };
  }));
  const [watching] = await bystander.each(60_000);
  add(`${what}: first keyframe's end, ms`, joiners.map(({ picture_ms: ms }) => ms ?? NaN), joiners.find(({ failure }) => failure)?.failure);
  add(`${what}: first picture, ms`, joiners.map(({ decoded }) => decoded));
  add(`${what}: freeze after it, ms`, joiners.map(({ freeze: ms }) => ms));
  add(`${what}: missing, %`, joiners.map((one) => missing([one])));
  add(`${what}: bystander's freeze, ms`, [freeze(watching.frames, from, from + seconds * 1000)]);
}

async function cuts(stage, what, apart, add) {
  // Longer than the longest wait for a keyframe by itself.
  const each = (CUT_MS / 1000 + apart + 5) * 1000;
  const crowd = stage.watch('cut', { settle: apart, seconds: CUTS * each / 1000 + 4 });
  await crowd.hear('counting', { patience: 60_000 });
  const healed = [];
  for (let cut = 0; cut < CUTS; cut++) {
    await sleep(each - CUT_MS);
    stage.links.lose('cut', 100);
    await sleep(CUT_MS);
    stage.links.heal('cut');
    healed.push(Date.now());
  }
  const [{ frames, frames_a_second: rates }] = await crowd.each(60_000);
  add(`${what}: seconds without a frame in ${Math.round(CUTS * each / 1000)} s of watching`, [rates.filter((rate) => rate === 0).length]);
  const next = (moment) => frames.find(([at]) => at > moment)?.[0] ?? NaN;
  add(`${what}: healed after ${CUT_MS} ms → next frame, ms`, healed.map((moment) => next(moment) - moment));
}
