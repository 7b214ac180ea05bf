// One viewer who asks for more than is good, beside three who do not.

import { bytes, freeze } from './seen.mjs';
import { Stage, test } from './stage.mjs';

const HZ = 100;
const BEFORE_S = 10;
const FLOOD_S = 20;

/** Requests for keyframes, a hundred a second.
 *  @param add takes what was measured and its series */
export async function pli(add) {
  await Stage.run(test(2_000_000), { flood: { kind: 'wide' }, beside: { kind: 'wide' } }, async (stage) => {
    const beside = stage.watch('beside', { viewers: 3, settle: 0, seconds: BEFORE_S + FLOOD_S + 12 });
    await beside.hear('counting', { patience: 30_000 });
    const flooder = stage.watch('flood', { settle: 1, seconds: BEFORE_S + FLOOD_S, 'pli-flood': HZ, 'flood-after': BEFORE_S });
    await flooder.hear('counting', { patience: 30_000 });
    const begins = Date.now() + BEFORE_S * 1000;
    const mine = await flooder.each(90_000);
    const others = await beside.each(60_000);
    const grown = (one) => bytes(one, begins + 1000, begins + (FLOOD_S - 1) * 1000) / bytes(one, begins - 8000, begins - 1000);
    add('pli: bystanders\' bytes, times those before', others.map(grown));
    add('pli: the flooder\'s own bytes, times those before', mine.map(grown));
    add('pli: bystanders\' freeze, ms', others.map(({ frames }) => freeze(frames, begins, begins + FLOOD_S * 1000)));
  });
}
