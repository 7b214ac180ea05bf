// From a viewer's leaving to the end of its camera's process, in a real Chromium.

import { setTimeout as sleep } from 'node:timers/promises';
import { ACTS, cameraProcess, clock, gone, measureAct, stage } from '../tests/browser/support/acts.mjs';
import { decoded, instrument } from '../tests/browser/support/browser.mjs';
import { Server, ffmpegCamera, toml } from '../tests/browser/support/server.mjs';
import { figures, report } from './table.mjs';

const RUNS = Number(process.argv[2] ?? 10);
const BEACONS = Number(process.argv[3] ?? 100);

const server = await Server.start(toml({ cameras: [{ id: 'pipe', source: `exec:${ffmpegCamera()}` }] }));
const browsers = await stage();
const rows = [];
for (const act of Object.keys(ACTS)) {
  const series = [];
  for (let run = 0; run < RUNS; run++) series.push(await measureAct(server, 'pipe', act, browsers));
  rows.push({ what: act, ...figures(series) });
  console.error(rows.at(-1));
}

// The beacon alone: a page that stays, and a POST from elsewhere.
const context = await browsers.shared.newContext({ viewport: { width: 480, height: 270 } });
await instrument(context);
const page = await context.newPage();
const [answered, ended] = [[], []];
let late = 0;
let open = 0;
for (let run = 0; run < BEACONS; run++) {
  // Anew each time: a page that is let go again and again asks ever later.
  await page.goto(`${server.url}/view/pipe`);
  await page.waitForFunction(() => window.answers.length > 0);
  await page.waitForFunction(() => window.connections.at(-1).connectionState === 'connected');
  await decoded(page, 2);
  const pid = await cameraProcess(server, 'pipe');
  const beacon = await page.evaluate(() => window.answers.at(-1).beacon);
  await sleep(Math.random() * 100);
  const at = clock();
  const end = gone(pid);
  const response = await fetch(server.url + beacon, { method: 'POST' });
  const took = clock() - at;
  const { cameras } = await server.debug();
  answered.push(took);
  ended.push(await end - at);
  late += took > 50 || response.status !== 204;
  open += cameras[0].state !== 'closed';
}
rows.push({ what: 'beacon answered', ...figures(answered) });
rows.push({ what: 'beacon → process gone', ...figures(ended) });
await browsers.close();
await server.stop();
report('release', 'ms', rows);
console.log(`${BEACONS} beacons: ${late} answered late or not with 204, ${open} with the camera not closed in /debug`);
