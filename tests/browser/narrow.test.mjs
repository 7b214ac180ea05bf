// Links that carry a third of the stream, and keyframes that are far apart: what a viewer sees in a real Chromium, and
// what the page says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decoded, inbound, instrument, launch } from './support/browser.mjs';
import { across } from './support/network.mjs';
import { Server, toml } from './support/server.mjs';

const WIDTH = 1280;
const RATE = 2_000_000;
const NARROW = 700_000;
const PATIENCE = { timeout: 20_000, polling: 100 };

/** A viewer of a camera that needs its bit rate, on a link that carries a third of that. */
async function narrow(t, more) {
  const { network, server, browser } = await across(t, {
    cameras: [{ id: 'demo', source: 'test:busy', size: [WIDTH, 720], fps: 30 }],
    streams: [{ id: 'demo', camera: 'demo', bitrate: RATE, ...more }],
  });
  const context = await browser.newContext({ viewport: { width: 640, height: 360 } });
  await instrument(context, { player: true });
  const page = await context.newPage();
  await page.goto(`${server.url}/view/demo`);
  await decoded(page, 60);
  network.narrow(NARROW);
  return { network, server, page };
}

const words = (page, pattern) => page.waitForFunction(
  (source) => new RegExp(source).test(document.querySelector('lenscap-video').shadowRoot.querySelector('.link').textContent),
  pattern, PATIENCE,
);

const width = (page, expected) => page.waitForFunction(
  (pixels) => document.querySelector('lenscap-video').video.videoWidth === pixels, expected, PATIENCE,
);

/** Frames a second over some seconds. */
async function rate(page, seconds) {
  const from = await inbound(page);
  await sleep(seconds * 1000);
  const to = await inbound(page);
  return (to.framesDecoded - from.framesDecoded) / ((to.timestamp - from.timestamp) / 1000);
}

test('a link that is too narrow gets a smaller picture that moves, in words, and the whole one when it is wide again', async (t) => {
  const { network, server, page } = await narrow(t);
  await width(page, WIDTH / 2);
  await words(page, '^Your connection .*: it is shown smaller\\.$');
  const small = await rate(page, 5);
  assert.ok(small > 10, `${small} frames a second`);
  const [peer] = (await server.debug()).peers;
  assert.equal(peer.rendition, 'small');
  network.widen();
  await width(page, WIDTH);
  await words(page, '^$');
  const full = await rate(page, 5);
  assert.ok(full > 24, `${full} frames a second`);
  const after = await server.debug();
  assert.deepEqual(after.peers.map(({ id }) => id), [peer.id], 'over the same connection');
});

test('the statistics say what the server did not send for want of a wider link', async (t) => {
  const { server, page } = await narrow(t, { small_rendition: false });
  const dropped = () => page.evaluate(() => document.querySelector('lenscap-video').dropped);
  await page.locator('.player').press('s');
  const words = page.locator('.figures div', { hasText: 'Dropped by the server' }).locator('dd');
  await words.filter({ hasText: /\d+ frames too late for your link/ }).waitFor(PATIENCE);
  const { late_frames: late } = await dropped();
  assert.ok(late > 0, `${late} frames`);
  // The page is told what /debug shows.
  await server.until(({ peers: [{ late_frames: known }] }) => known >= late, 'the server counts them');
});

test('an adaptive bit rate keeps the whole picture and all of its frames, with fewer bits', async (t) => {
  const { network, server, page } = await narrow(t, { adaptive_bitrate: true });
  // The first finding may be from before the queue stood.
  await server.until(
    ({ streams: [{ limited_to_bps: limit }], peers: [{ link }] }) => limit !== null && limit < NARROW && link.queue_ms < 50,
    'the encoder is held down, and the queue has drained',
  );
  const slow = await rate(page, 5);
  assert.ok(slow > 24, `${slow} frames a second`);
  await width(page, WIDTH);
  network.widen();
  // It rises slowly near what the link carried.
  await server.until(({ streams: [{ limited_to_bps: limit, bitrate_bps: bits }] }) => limit === null && bits > RATE * 0.8, 'it has its bits again', 40_000);
});

test('who comes long after a keyframe of a camera that encodes by itself is told to wait, and has a picture with the next', async (t) => {
  const command = 'exec ffmpeg -hide_banner -loglevel error -re -f lavfi -i testsrc2=size=640x360:rate=30,noise=alls=60:allf=t '
    + '-c:v libx264 -preset ultrafast -tune zerolatency -b:v 6M -maxrate 6M -bufsize 1M -g 180 -sc_threshold 0 -f h264 -';
  const server = await Server.start(toml({ cameras: [{ id: 'noisy', source: `exec:${command}` }] }));
  const browser = await launch();
  t.after(async () => {
    await browser.close();
    await server.stop();
  });
  const open = async () => {
    const context = await browser.newContext({ viewport: { width: 640, height: 360 } });
    await instrument(context);
    const page = await context.newPage();
    await page.goto(`${server.url}/view/noisy`);
    return page;
  };
  const first = await open();
  // Six times what is replayed lies between two keyframes.
  await decoded(first, 60);
  const second = await open();
  const words = second.locator('lenscap-video p');
  await words.filter({ hasText: 'begins with the camera’s next keyframe' }).waitFor();
  await second.waitForFunction(() => document.querySelector('lenscap-video').video.videoWidth === 640);
  await words.filter({ hasText: /^$/ }).waitFor({ state: 'attached' });
});
