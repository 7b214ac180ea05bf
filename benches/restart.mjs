// From the death of an actor to the next frame in a real Chromium.

import { launch, instrument, decoded } from '../tests/browser/support/browser.mjs';
import { killAndResume } from '../tests/browser/support/faults.mjs';
import { Server, ffmpegCamera, toml } from '../tests/browser/support/server.mjs';
import { figures, report } from './table.mjs';

const RUNS = Number(process.argv[2] ?? 20);

const server = await Server.start(toml({
  cameras: [{ id: 'test', source: 'test' }, { id: 'exec', source: `exec:${ffmpegCamera()}` }],
  supervision: 'restarts = 1000',
}));
const browser = await launch();
const rows = [];
for (const camera of ['test', 'exec']) {
  const context = await browser.newContext({ viewport: { width: 480, height: 270 } });
  await instrument(context, { player: true });
  const page = await context.newPage();
  await page.goto(`${server.url}/view/${camera}`);
  await decoded(page, 60);
  for (const part of [`stream-${camera}`, 'device']) {
    const series = [];
    for (let run = 0; run < RUNS; run++) series.push(await killAndResume(server, page, `root/cameras/${camera}/${part}`));
    rows.push({ what: `${camera}: ${part} killed → picture`, ...figures(series) });
    console.error(rows.at(-1));
  }
  if (await page.evaluate(() => window.connections.length) !== 1) throw new Error('the connection was lost');
  await context.close();
}
await browser.close();
await server.stop();
report('restart', 'ms', rows);
