// Many viewers behind one link: a dip of its rate, joining on it, and a link that leaves room but for the bursts.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { clip } from '../../tests/browser/support/clip.mjs';
import { ages, back, freeze, missing, whole } from './seen.mjs';
import { measured, plays, sleep, Stage, test } from './stage.mjs';

const VIEWERS = 20;
const RUNS = 5;
const SHARE = 0.6;
const WMEM_MAX = '/proc/sys/net/core/wmem_max';
const WMEM = '212992';

const small = () => ({
  test: test(500_000, [640, 360]),
  exec: plays(clip('small', ['-vf', 'scale=640:360', '-x264-params', 'sliced-threads=0'], { rate: 500_000 })),
});

/** A link that all share, of which they use a given part; its queue lasts for 100 ms. */
async function shared(camera, what, add) {
  const rate = await measured(camera) * VIEWERS / SHARE;
  add(`${what}: the link, kbit/s`, [rate / 1000]);
  return { rate, groups: { all: { kind: 'router', rate, limit: Math.round(rate / 8 / 10) } } };
}

/** The rate of the shared link is a quarter for a second.
 *  @param add takes what was measured and its series */
export async function dip(add) {
  for (const [name, camera] of Object.entries(small())) {
    const what = `dip, ${name}`;
    const { rate, groups } = await shared(camera, what, add);
    const took = [];
    const full = [];
    const all = [];
    await Stage.run(camera, groups, async (stage) => {
      for (let run = 0; run < RUNS; run++) {
        const crowd = stage.watch('all', { viewers: VIEWERS, join: 10, settle: 8, seconds: 25, patience: 30 });
        await crowd.hear('counting', { patience: 60_000 });
        await sleep(3000);
        stage.links.rate('all', rate / 4);
        await sleep(1000);
        stage.links.rate('all', rate);
        const healed = Date.now();
        await sleep(20_000);
        const seen = (await crowd.each(40_000)).map(({ frames }) => frames ?? []);
        const end = healed + 20_000;
        const each = seen.map((frames) => back(frames, healed, end));
        all.push(...each);
        took.push(Math.max(...each));
        full.push(seen.filter((frames) => whole(frames, end - 5000, end)).length);
      }
    });
    add(`${what}: healed → full rate of all ${VIEWERS}, s`, took);
    add(`${what}: healed → full rate of each, s`, all);
    add(`${what}: of ${VIEWERS}, at full rate after 15 s`, full);
  }
}

/** Viewers join one after the other. */
export async function joins(add) {
  for (const [name, camera] of Object.entries(small())) {
    const what = `joins, ${name}`;
    const { groups } = await shared(camera, what, add);
    await Stage.run(camera, groups, async (stage) => {
      const at = Array.from({ length: VIEWERS }, (_, nth) => nth * 0.7);
      const seconds = VIEWERS * 0.7 + 15;
      const crowd = stage.watch('all', { at: at.join(), 'from-start': true, seconds });
      await crowd.hear('counting', { patience: 30_000 });
      const from = Date.now();
      const last = from + VIEWERS * 700;
      const end = from + seconds * 1000;
      const viewers = await crowd.each(90_000);
      const seen = viewers.map(({ frames }) => frames ?? []);
      add(`${what}: first picture, ms`, viewers.map(({ picture_ms: ms }) => ms ?? NaN), viewers.find(({ failure }) => failure)?.failure);
      add(`${what}: freeze after it, ms`, seen.map((frames) => freeze(frames, from, end)));
      add(`${what}: last joined → full rate of each, s`, seen.map((frames) => back(frames, last, end)));
      add(`${what}: of ${VIEWERS}, at full rate in the last 5 s`, [seen.filter((frames) => whole(frames, end - 5000, end)).length]);
    });
  }
}

/** The socket's buffer as Linux allows it unless told otherwise, and a queue at the own end of a link of 50 Mbit/s. */
export async function stock(add) {
  const before = existsSync(WMEM_MAX) ? readFileSync(WMEM_MAX, 'utf8').trim() : undefined;
  try {
    if (before) writeFileSync(WMEM_MAX, WMEM);
  } catch (error) {
    console.error(`wmem_max stays as it is: ${error.message}`);
  }
  try {
    const exec = plays(clip('4M', ['-x264-params', 'sliced-threads=0'], { rate: 4_000_000, filter: 'noise=alls=12:allf=t' }));
    for (const [name, camera] of Object.entries({ test: test(4_000_000), exec })) {
      await Stage.run(camera, { all: { kind: 'local', rate: 50_000_000 } }, (stage) => oneASecond(stage, `stock, ${name}`, add));
    }
  } finally {
    if (before) writeFileSync(WMEM_MAX, before);
  }
}

async function oneASecond(stage, what, add) {
  const crowd = stage.watch('all', { viewers: 10, join: 1, 'from-start': true, seconds: 30 });
  await crowd.hear('counting', { patience: 30_000 });
  const from = Date.now();
  await sleep(28_000);
  const counters = await stage.counters('dropped', 'skipped', 'lost', 'resent');
  const seen = await crowd.each(60_000);
  add(`${what}: first picture, ms`, seen.map(({ picture_ms: ms }) => ms ?? NaN), seen.find(({ failure }) => failure)?.failure);
  add(`${what}: freeze after it, ms`, seen.map(({ frames }) => freeze(frames, from, from + 30_000)));
  add(`${what}: age, ms`, seen.flatMap(({ frames }) => ages(frames, from, from + 30_000)));
  add(`${what}: missing, %`, [missing(seen)]);
  add(`${what}: Mbit/s of all when all are there`, [seen.reduce((sum, { bytes_a_second: bytes }) => sum + Math.max(...bytes.slice(15, 28)), 0) * 8 / 1e6]);
  for (const [name, value] of Object.entries(counters)) add(`${what}: ${name} of all`, [value]);
}
