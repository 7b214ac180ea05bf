// A hundred viewers in a tunnel: what they cost, and whether as many others can have their places.

import { cpu } from '../tests/browser/support/processes.mjs';
import { sleep, Stage, test } from './narrow/stage.mjs';
import { report } from './table.mjs';

const VIEWERS = Number(process.argv[2] ?? 100);
const SECONDS = 12;

const rows = [];
const limits = `max_viewers = ${VIEWERS}\nmax_viewers_per_address = 1000`;
const groups = { tunnel: { kind: 'wide' }, others: { kind: 'wide' } };

await Stage.run({ ...test(2_000_000), server: limits }, groups, async (stage) => {
  const silent = stage.watch('tunnel', { viewers: VIEWERS, join: 20, settle: 1, seconds: 120 });
  await silent.hear('counting', { patience: 60_000 });
  silent.pause();
  await stage.server.until(({ peers }) => peers.every(({ state }) => state === 'away'), 'all are away');
  const { departures: { probes: before }, streams: [{ viewers }] } = await stage.debug();
  const used = cpu(stage.server.pid);
  await sleep(SECONDS * 1000);
  const percent = (cpu(stage.server.pid) - used) / SECONDS / 10;
  const { departures: { probes: after } } = await stage.debug();
  rows.push({ what: `${VIEWERS} away: % of a core`, value: percent });
  rows.push({ what: `${VIEWERS} away: probes each, in ${SECONDS} s`, value: (after - before) / VIEWERS });
  rows.push({ what: `${VIEWERS} away: viewers that are counted`, value: viewers });
  const others = stage.watch('others', { viewers: VIEWERS, join: 20, settle: 1, seconds: 3 });
  const seen = await others.each(60_000);
  rows.push({ what: `of ${VIEWERS} that come then, have a picture`, value: seen.filter(({ since }) => since).length });
});
report('away', 'as said', rows);
