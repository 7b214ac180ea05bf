// What a viewer sees, in a real Chromium.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decoded, inbound, instrument, launch } from './support/browser.mjs';
import { Server, ffmpegCamera, toml } from './support/server.mjs';

let server;
let browser;

before(async () => {
  server = await Server.start(toml({
    cameras: [
      { id: 'demo', source: 'test' },
      { id: 'pipe', source: `exec:${ffmpegCamera()}` },
      { id: 'small', source: 'test', size: [320, 240], fps: 10 },
      { id: 'broken', source: 'exec:echo no camera here >&2; exit 3' },
    ],
    streams: [{ id: 'demo-small', camera: 'demo', size: [640, 360], fps: 15 }],
  }));
  browser = await launch();
});

after(async () => {
  await browser.close();
  await server.stop();
});

async function open(path, options) {
  const context = await browser.newContext({ viewport: { width: 640, height: 360 } });
  await instrument(context, options);
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(server.url + path);
  return { page, problems, close: () => context.close() };
}

async function rate(page, ms) {
  const from = await inbound(page);
  await sleep(ms);
  const to = await inbound(page);
  return (to.framesDecoded - from.framesDecoded) / ((to.timestamp - from.timestamp) / 1000);
}

/** Two looks at the picture, as the page shows it. */
async function looks(page) {
  const look = () => page.evaluate(() => {
    const { video } = document.querySelector('lenscap-video');
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 64, height: 36 });
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, 64, 36);
    return [...context.getImageData(0, 0, 64, 36).data];
  });
  const first = await look();
  await sleep(500);
  return [first, await look()];
}

test('the demo plays at full rate with a moving picture', async () => {
  const { page, problems, close } = await open('/view/demo');
  const stats = await decoded(page, 30);
  assert.deepEqual([stats.frameWidth, stats.frameHeight], [1280, 720]);
  const fps = await rate(page, 3000);
  assert.ok(fps >= 25, `${fps} frames a second`);
  const [first, second] = await looks(page);
  assert.ok(first.some((value) => value > 60), 'the picture is not black');
  const changed = first.filter((value, nth) => Math.abs(value - second[nth]) > 40).length;
  assert.ok(changed > 50, `${changed} samples changed`);
  assert.deepEqual(problems, []);
  await close();
});

test('colors are what the camera gave', async () => {
  const { page, close } = await open('/view/demo');
  await decoded(page, 10);
  const seen = await page.evaluate(() => {
    const video = document.querySelector('lenscap-video').shadowRoot.querySelector('video');
    const canvas = Object.assign(document.createElement('canvas'), { width: video.videoWidth, height: video.videoHeight });
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    return Array.from({ length: 7 }, (_, bar) => [...context.getImageData((bar + 0.5) * canvas.width / 7, canvas.height * 0.4, 1, 1).data.slice(0, 3)]);
  });
  // Y, U and V of the bars of the test picture at that height, and what they are by BT.601.
  const bars = [[151, 128, 128], [137, 44, 142], [114, 156, 44], [100, 72, 58], [79, 184, 198], [64, 100, 212], [42, 212, 114]];
  const part = (value) => Math.round(Math.max(0, Math.min(255, value)));
  for (const [nth, [y, u, v]] of bars.entries()) {
    const luma = 1.164 * (y - 16);
    const wanted = [luma + 1.596 * (v - 128), luma - 0.392 * (u - 128) - 0.813 * (v - 128), luma + 2.017 * (u - 128)].map(part);
    const off = Math.max(...wanted.map((value, at) => Math.abs(value - seen[nth][at])));
    assert.ok(off <= 6, `bar ${nth}: ${seen[nth]} instead of ${wanted}`);
  }
  await close();
});

test('a program that writes H.264 plays as it is', async () => {
  const { page, close } = await open('/view/pipe');
  const stats = await decoded(page, 30);
  assert.deepEqual([stats.frameWidth, stats.frameHeight], [640, 360]);
  const fps = await rate(page, 2000);
  assert.ok(fps >= 25, `${fps} frames a second`);
  await close();
});

test('a stream of another size and rate plays beside the camera\'s own', async () => {
  const { page, close } = await open('/view/demo-small');
  const stats = await decoded(page, 15);
  assert.deepEqual([stats.frameWidth, stats.frameHeight], [640, 360]);
  const fps = await rate(page, 2000);
  assert.ok(fps > 12 && fps < 18, `${fps} frames a second`);
  const { cameras } = await server.debug();
  assert.equal(cameras.find(({ id }) => id === 'demo').state, 'capturing');
  await close();
});

test('two viewers share one camera, and the first can go', async () => {
  const one = await open('/view/pipe');
  const two = await open('/view/pipe');
  await decoded(one.page, 10);
  await decoded(two.page, 10);
  const both = await server.debug();
  assert.equal(both.streams.find(({ id }) => id === 'pipe').subscribers.length, 2);
  const seen = both.releases.length;
  const opens = both.cameras.find(({ id }) => id === 'pipe').opens;
  await one.close();
  await server.until(({ streams }) => streams.find(({ id }) => id === 'pipe').subscribers.length === 1);
  const now = await inbound(two.page);
  await decoded(two.page, now.framesDecoded + 20);
  const [release] = await server.released({ seen });
  const { cameras } = await server.debug();
  assert.equal(cameras.find(({ id }) => id === 'pipe').opens, opens, 'the camera stayed open');
  assert.equal(release.closed_ms, null, 'a leaving that closed nothing says so');
  await two.close();
  await server.until(({ peers }) => peers.length === 0);
});

test('changing the attribute switches over the live connection', async () => {
  const { page, close } = await open('/view/demo');
  await decoded(page, 10);
  const ids = async () => (await server.debug()).peers.map(({ id }) => id);
  const before = await ids();
  await page.evaluate(() => document.querySelector('lenscap-video').setAttribute('stream', 'small'));
  await page.waitForFunction(() => document.querySelector('lenscap-video').video.videoWidth === 320);
  await server.until(({ cameras }) => cameras.find(({ id }) => id === 'demo').state === 'closed', 'the first camera is let go');
  assert.deepEqual(await ids(), before, 'the peer is the same');
  assert.equal(await page.evaluate(() => window.connections.length), 1);
  const { framesDecoded } = await inbound(page);
  await decoded(page, framesDecoded + 10);
  await close();
});

test('the gallery shows every stream and plays it on a click', async () => {
  const { page, problems, close } = await open('/');
  await page.locator('article').nth(4).waitFor();
  assert.deepEqual(await page.locator('article h2').allTextContents(), ['broken', 'demo', 'demo-small', 'pipe', 'small']);
  const card = page.locator('article', { has: page.locator('h2', { hasText: /^small$/ }) });
  await card.locator('.screen').click();
  await page.locator('.player .state', { hasText: /^Open$/ }).waitFor();
  await decoded(page, 5);
  await server.until(({ cameras }) => cameras.find(({ id }) => id === 'small').state === 'capturing');
  await page.getByRole('button', { name: 'Stop watching' }).click();
  await card.locator('.state', { hasText: /^Closed$/ }).waitFor();
  await card.locator('.more', { hasText: 'nobody watches' }).waitFor();
  assert.deepEqual(problems, []);
  await close();
});

test('a camera that fails says why, in words, on the page and at /debug', async () => {
  const { page, close } = await open('/view/broken');
  const words = page.locator('lenscap-video p');
  await words.filter({ hasText: 'the program ended (exit status: 3)' }).waitFor();
  const report = await server.debug();
  const camera = report.cameras.find(({ id }) => id === 'broken');
  assert.equal(camera.state, 'backoff');
  assert.match(camera.last_error, /exit status: 3/);
  assert.match(server.log, /program says: no camera here/);
  await close();
  await server.until(({ cameras }) => cameras.find(({ id }) => id === 'broken').state === 'closed', 'a leaving ends the retries');
});

test('a lost server is told in words, and found again without a click', async () => {
  const configuration = (port) => toml({ cameras: [{ id: 'small', source: 'test', size: [320, 240] }] })
    .replace('127.0.0.1:0"\n\n[webrtc]', `127.0.0.1:${port}"\n\n[webrtc]`);
  const first = await Server.start(configuration(0));
  const port = new URL(first.url).port;
  const context = await browser.newContext();
  await instrument(context);
  const page = await context.newPage();
  await page.goto(`${first.url}/view/small`);
  await decoded(page, 5);
  assert.equal(await first.stop(), 0);
  await page.locator('lenscap-video p', { hasText: 'Trying again' }).waitFor();
  const second = await Server.start(configuration(port));
  await page.waitForFunction(() => window.answers.length === 2, null, { timeout: 20_000 });
  await decoded(page, 5);
  await page.locator('lenscap-video p:empty').waitFor({ state: 'attached' });
  // One that is killed says no goodbye; and the next is killed while the page is about to have its picture.
  process.kill(second.pid, 'SIGKILL');
  const third = await Server.start(configuration(port));
  await page.waitForFunction(() => window.answers.length === 3, null, { timeout: 20_000 });
  process.kill(third.pid, 'SIGKILL');
  const fourth = await Server.start(configuration(port));
  await page.waitForFunction(() => window.answers.length === 4, null, { timeout: 20_000 });
  await decoded(page, 5);
  await page.locator('lenscap-video p:empty').waitFor({ state: 'attached' });
  await context.close();
  await fourth.stop();
});

test('an unknown stream is no page, and /debug is one', async () => {
  const response = await fetch(`${server.url}/view/nothing`);
  assert.equal(response.status, 404);
  assert.equal((await response.json()).code, 'unknown_stream');
  const { page, problems, close } = await open('/debug');
  await page.locator('#actors').getByRole('link', { name: 'root' }).waitFor();
  assert.deepEqual(problems, []);
  await close();
});
