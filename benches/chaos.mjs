// The chaos test for longer: ten minutes, or as many seconds as are given.

import { chaos } from '../tests/browser/support/chaos.mjs';
import { report } from './table.mjs';

const seen = await chaos(Number(process.argv[2] ?? 600));
const rows = [
  ['seconds', seen.seconds], ['actors killed', seen.kills], ['exits seen at /debug', seen.exits],
  ['kills not seen at /debug', seen.unseen.length], ['frames shown', seen.frames],
  ['connections made', seen.connections], ['pictures still for more than 1 s', seen.still.length],
  ['cameras open unwatched for more than 100 ms', seen.openTooLong.length], ['panics', seen.panics],
  ['descriptors at the start', seen.fresh.descriptors], ['descriptors at the end, nobody watching', seen.idle.descriptors],
  ['threads at the start', seen.fresh.threads], ['threads at the end, nobody watching', seen.idle.threads],
  ['RSS before, kB', seen.before.kilobytes], ['RSS after, kB', seen.after.kilobytes], ['exit status', seen.status],
].map(([what, value]) => ({ what, value }));
report('chaos', 'counts', rows);
for (const pause of seen.still) console.log('still:', pause);
for (const open of seen.openTooLong) console.log('open:', open);
