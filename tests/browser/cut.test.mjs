// A network that is cut: nobody says goodbye, and the WebSocket hangs. ICE is the last resort.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decoded, instrument } from './support/browser.mjs';
import { across } from './support/network.mjs';

test('a viewer whose packets stop is let go, and watches again when they flow', async (t) => {
  const { network, server, browser } = await across(t, {
    cameras: [{ id: 'demo', source: 'test', size: [320, 240] }],
    webrtc: '[webrtc.ice]\nprofile = "development"',
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
  assert.match(server.log, /cameras\/demo\/device: closed/);
  network.heal();
  await page.waitForFunction(() => window.connections.at(-1).connectionState === 'connected', null, { timeout: 60_000 });
  await decoded(page, 10);
});
