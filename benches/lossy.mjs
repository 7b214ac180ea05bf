// A viewer under 10 % loss and 200 ms of jitter for ten minutes, or as many as are given: how often it was
// suspected, for how long, and whether it was ever let go.

import { lossy } from '../tests/browser/support/lossy.mjs';
import { figures, report } from './table.mjs';

const minutes = Number(process.argv[2] ?? 10);
let log = '';
const seen = await lossy(minutes * 60, { log: (text) => { log = text; } });
const { packets, frames } = seen;
const [doubted, suspected] = [figures(seen.doubts), figures(seen.suspected)];
const kept = seen.peers.length === 1 && seen.peers[0].id === seen.first && seen.connections.join() === 'connected';
const rows = [
  ['minutes', minutes], ['packets to the viewer', packets.down], ['lost', packets.lostDown], ['overtaken', packets.overtakenDown],
  ['packets to the server', packets.up], ['lost', packets.lostUp], ['overtaken', packets.overtakenUp],
  ['STUN requests of the server', packets.asked],
  ['times suspected', seen.suspected.length], ['silence before, ms, median', suspected.runs ? suspected.median : null],
  ['times it was there after all', seen.doubts.length],
  ['suspected for, ms, median', doubted.runs ? doubted.median : null], ['suspected for, ms, at most', doubted.max],
  ['times let go', seen.left.length], ['the same connection at the end', kept],
  ['frames decoded', frames.decoded], ['fewest in 10 s', Math.min(...seen.windows.slice(0, -1))],
  ['freezes', frames.freezes], ['seconds frozen', frames.frozenSeconds],
].map(([what, value]) => ({ what, value }));
report('lossy', 'counts', rows);
if (seen.left.length > 0 || !kept) {
  console.error(log);
  process.exitCode = 1;
}
