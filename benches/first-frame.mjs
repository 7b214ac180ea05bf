// From the offer to the first frame on the screen, in a real Chromium.
//
// The page is loaded before; then its viewer is added. Cold: nobody watches. Warm: somebody does.

import { setTimeout as sleep } from 'node:timers/promises';
import { decoded, firstFrame, instrument, launch } from '../tests/browser/support/browser.mjs';
import { Server, ffmpegCamera, toml } from '../tests/browser/support/server.mjs';
import { figures, report } from './table.mjs';

const RUNS = Number(process.argv[2] ?? 10);

const server = await Server.start(toml({
  cameras: [{ id: 'test', source: 'test' }, { id: 'exec', source: `exec:${ffmpegCamera()}` }],
}));
const browser = await launch();
const viewport = { width: 640, height: 360 };

async function open(player) {
  const context = await browser.newContext({ viewport });
  await instrument(context, { player });
  const page = await context.newPage();
  // A page of the server without a stream of its own.
  await page.goto(`${server.url}/`);
  await page.waitForFunction(() => customElements.get('lenscap-video'));
  return {
    page,
    watch: (stream) => page.evaluate((id) => {
      const viewer = document.createElement('lenscap-video');
      viewer.setAttribute('stream', id);
      document.body.replaceChildren(viewer);
    }, stream),
    close: () => context.close(),
  };
}

const rows = [];
for (const stream of ['test', 'exec']) {
  for (const warm of [false, true]) {
    const first = warm ? await open(false) : null;
    if (first) {
      await first.watch(stream);
      await decoded(first.page, 10);
    }
    const series = [];
    for (let run = 0; run < RUNS; run++) {
      const viewer = await open(true);
      await sleep(500 + Math.random() * 1500);
      await viewer.watch(stream);
      series.push(await firstFrame(viewer.page));
      await viewer.close();
      await server.until(({ peers }) => peers.length === (warm ? 1 : 0), 'the viewer has left');
    }
    await first?.close();
    await server.until(({ peers }) => peers.length === 0, 'everybody has left');
    rows.push({ what: `${stream}, ${warm ? 'warm' : 'cold'}`, ...figures(series) });
  }
}
await browser.close();
await server.stop();
report('first-frame', 'ms', rows);
