// A network that is cut: nobody says goodbye, and the WebSocket hangs. ICE is the last resort.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decoded, instrument, launch } from './support/browser.mjs';
import { Network } from './support/network.mjs';
import { Server, toml } from './support/server.mjs';

test('a viewer whose packets stop is let go, and watches again when they flow', async (t) => {
  const network = new Network();
  const server = await Server.start(
    toml({
      cameras: [{ id: 'demo', source: 'test', size: [320, 240] }],
      host: network.host,
      webrtc: '[webrtc.ice]\nprofile = "development"',
    }),
    { wrap: network.inside('server') },
  );
  const browser = await launch({ executable: network.chromium });
  t.after(async () => {
    await browser.close();
    await server.stop();
    network.remove();
  });
  const context = await browser.newContext({ viewport: { width: 480, height: 270 } });
  await instrument(context);
  const page = await context.newPage();
  await page.goto(`${server.url}/view/demo`);
  await decoded(page, 10);
  network.lose(100);
  // The signalling goes on: by it the page hears that it was let go, and asks again.
  await page.waitForFunction(() => window.answers.length >= 2, null, { timeout: 30_000 });
  assert.match(server.log, /peer-1: left demo \(ice_disconnected\)/);
  assert.match(server.log, /cameras\/demo: closed/);
  network.heal();
  await page.waitForFunction(() => window.connections.at(-1).connectionState === 'connected', null, { timeout: 60_000 });
  await decoded(page, 10);
});
