// Viewers who ask for more than is good, beside three who do not.

import { join } from 'node:path';
import { ROOT } from '../../tests/browser/support/server.mjs';
import { bytes, freeze } from './seen.mjs';
import { sleep, Stage, test } from './stage.mjs';

const HZ = 100;
const BEFORE_S = 10;
const FLOOD_S = 20;
const NACK_BYTES = 200_000;
const SILENT_CONNECTIONS = 60;
const NEWCOMERS = 12;
const JOINERS = 500;

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

/** NACKs for the last 200 packets again and again, 200 kB of them a second, by aiortc.
 *  @param add takes what was measured and its series */
export async function nack(add) {
  await Stage.run(test(2_000_000), { flood: { kind: 'wide' }, beside: { kind: 'wide' } }, async (stage) => {
    const beside = stage.watch('beside', { viewers: 3, settle: 1, seconds: FLOOD_S + 10 });
    await beside.hear('counting', { patience: 30_000 });
    const script = join(ROOT, 'tests/clients/aiortc_flood.py');
    const memory = stage.memory();
    const says = stage.program('flood', join(ROOT, 'target/aiortc/bin/python'), script, `${stage.server.url}/whep/camera`, FLOOD_S, NACK_BYTES);
    const begins = await says();
    await sleep((FLOOD_S - 2) * 1000);
    const peak = stage.memory();
    const { resent_packets: again } = await stage.counters('resent');
    const ends = await says();
    const others = await beside.each(60_000);
    add('nack: asked by the flooder, kB/s', [ends.asked_bytes / 1000 / FLOOD_S]);
    add('nack: sent to the flooder, kB/s', [ends.bytes / 1000 / FLOOD_S]);
    add('nack: sent again by then, packets', [again]);
    add('nack: bystanders\' freeze, ms', others.map(({ frames }) => freeze(frames, begins.at, ends.at)));
    add('nack: memory grown, MiB', [peak - memory]);
  });
}

/** Connections that send offers, and nothing after them; true newcomers come meanwhile from elsewhere.
 *  @param add takes what was measured and its series */
export async function offers(add) {
  const groups = { flood: { kind: 'wide' }, beside: { kind: 'wide' }, newcomers: { kind: 'wide' } };
  await Stage.run({ ...test(2_000_000), server: 'max_viewers = 100' }, groups, async (stage) => {
    const beside = stage.watch('beside', { viewers: 3, settle: 1, seconds: FLOOD_S });
    await beside.hear('counting', { patience: 30_000 });
    const from = Date.now();
    const script = join(ROOT, 'benches/narrow/silent.mjs');
    const says = stage.program('flood', process.execPath, script, `${stage.server.url}/whep/camera`, SILENT_CONNECTIONS, FLOOD_S - 4);
    await sleep(3000);
    const newcomers = await stage.watch('newcomers', { viewers: NEWCOMERS, join: 2, 'from-start': true, seconds: 10 }).each(60_000);
    const flood = await says();
    const others = await beside.each(60_000);
    add('offers: a second, most of them refused', [flood.offers / flood.seconds]);
    add(`offers: of ${NEWCOMERS} newcomers, let in`, [newcomers.filter(({ picture_ms: ms }) => Number.isFinite(ms)).length], newcomers.find(({ failure }) => failure)?.failure);
    add('offers: newcomers\' first picture, ms', newcomers.map(({ picture_ms: ms }) => ms ?? NaN));
    add('offers: bystanders\' freeze, ms', others.map(({ frames }) => freeze(frames, from, from + (FLOOD_S - 4) * 1000)));
  });
}

/** True viewers who all join in one moment.
 *  @param add takes what was measured and its series */
export async function crowd(add) {
  await Stage.run(test(500_000, [640, 360]), { crowd: { kind: 'wide' }, beside: { kind: 'wide' } }, async (stage) => {
    const beside = stage.watch('beside', { viewers: 3, settle: 1, seconds: 20 });
    await beside.hear('counting', { patience: 30_000 });
    const from = Date.now();
    const joiners = await stage.watch('crowd', { viewers: JOINERS, join: 'all', 'from-start': true, seconds: 8 }).each(60_000);
    const others = await beside.each(60_000);
    add(`crowd: of ${JOINERS} joiners, with a picture`, [joiners.filter(({ picture_ms: ms }) => Number.isFinite(ms)).length], joiners.find(({ failure }) => failure)?.failure);
    add('crowd: first picture, ms', joiners.map(({ picture_ms: ms }) => ms ?? NaN));
    add('crowd: bystanders\' freeze, ms', others.map(({ frames }) => freeze(frames, from, from + 8000)));
  });
}
