// From the offer to the connection and to the first picture, for each client of another make, over a veth pair.
//
// node connect.mjs [RUNS]. Somebody watches already, so that no start of the camera is in the figures.

import { stage } from '../tests/clients/support.mjs';
import { figures, report } from './table.mjs';

const RUNS = Number(process.argv[2] ?? 20);
const BOTH = ['audio', 'video'];

const clients = await stage({ watched: true });
const rows = [];
for (const [what, watch] of [
  ['str0m', () => clients.str0m()],
  ['str0m, audio and video', () => clients.str0m('--audio')],
  ['aiortc, audio and video', () => clients.aiortc()],
  ['GStreamer, max-bundle', () => clients.gstreamer()],
  ['Chromium', () => clients.chromium({ kinds: ['video'] })],
  ['Chromium, audio first', () => clients.chromium({ kinds: BOTH })],
  ['Chromium, max-bundle', () => clients.chromium({ kinds: BOTH, bundlePolicy: 'max-bundle' })],
]) {
  const seen = [];
  let failed = 0;
  for (let run = 0; run < RUNS; run++) {
    try {
      seen.push(await watch());
    } catch (error) {
      failed++;
      console.error(`${what}: ${error.message}`);
    }
  }
  for (const step of ['answered', 'connected', 'picture']) {
    rows.push({ what: `${what}: ${step}`, failed, ...figures(seen.map((one) => one[`${step}_ms`]).filter((ms) => ms !== undefined)) });
  }
  console.error(rows.at(-2), rows.at(-1));
}
await clients.end();
report('connect', 'ms', rows);
