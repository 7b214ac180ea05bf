// Many viewers on links that change all the time, beside five on one that does not.

import { ages, freeze } from './seen.mjs';
import { sleep, Stage, test } from './stage.mjs';

const GROUPS = ['local', 'router', 'local', 'router', 'router'];
const VIEWERS = 10;
const BESIDE = 5;
const LEAST = 20_000;
const MOST = 50_000_000;

/** @param add takes what was measured and its series */
export async function random(add, { seconds = 60 }) {
  const groups = Object.fromEntries(GROUPS.map((kind, nth) => [`g${nth}`, { kind, rate: MOST }]));
  await Stage.run(test(2_000_000), { ...groups, beside: { kind: 'wide' } }, async (stage) => {
    const beside = stage.watch('beside', { viewers: BESIDE, settle: 1, seconds: seconds + 20 });
    await beside.hear('counting', { patience: 60_000 });
    const crowds = Object.keys(groups).map((group) => stage.watch(group, { viewers: VIEWERS, join: 10, settle: 1, seconds: seconds + 4 }));
    for (const crowd of crowds) await crowd.hear('counting', { patience: 60_000 });
    const [from, memory, { peers: { length: before } }] = [Date.now(), stage.memory(), await stage.debug()];
    const end = from + seconds * 1000;
    await Promise.all(Object.keys(groups).map((group) => vary(stage, group, end)));
    const { peers, verdicts } = await stage.debug();
    const gone = verdicts.filter(({ at }) => at >= from);
    for (const group of Object.keys(groups)) {
      stage.links.heal(group);
      stage.links.rate(group, MOST);
    }
    // Who was let go had been silent for so long.
    add(`random: let go, of ${before}`, [before - peers.length], gone.map(({ cause, silence_ms: silence }) => `${cause} after ${Math.round(silence)} ms`).join() || undefined);
    add('random: memory at the start, MiB', [memory]);
    add('random: memory at the end, MiB', [stage.memory()]);
    const others = (await Promise.all(crowds.map((crowd) => crowd.each(90_000)))).flat();
    const calm = await beside.each(120_000);
    add('random: freeze, ms', others.map(({ frames }) => freeze(frames, from, end)));
    add('random: age, ms', others.flatMap(({ frames }) => ages(frames, from, end)));
    add('random: bystanders\' freeze, ms', calm.map(({ frames }) => freeze(frames, from, end)));
  });
}

/** Gives a link another rate, and sometimes loss, every few seconds. */
async function vary(stage, group, end) {
  while (Date.now() < end) {
    // Each power of ten is as likely as another.
    stage.links.rate(group, LEAST * (MOST / LEAST) ** Math.random());
    if (Math.random() < 0.3) stage.links.lose(group, 1 + Math.random() * 20);
    else stage.links.heal(group);
    await sleep(Math.max(0, Math.min(1000 + Math.random() * 4000, end - Date.now())));
  }
}
