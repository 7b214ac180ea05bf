// What is shown is true, or looks as if it were not: after a switch, after a refusal, without a server, on a link that died without a word.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { decoded, instrument, launch } from './support/browser.mjs';
import { open as openPage } from './support/pages.mjs';
import { Relay } from './support/relay.mjs';
import { BINARY, Server, ffmpegCamera, toml } from './support/server.mjs';

let server;
let browser;

before(async () => {
  server = await Server.start(toml({
    cameras: [
      { id: 'small', source: 'test', size: [320, 240], fps: 15 },
      { id: 'slow', source: `exec:sleep 1.6; ${ffmpegCamera()}` },
      { id: 'pipe', source: `exec:${ffmpegCamera()}` },
    ],
  }));
  browser = await launch();
});

after(async () => {
  await browser.close();
  await server.stop();
});

async function view(t, stream, { at = server } = {}) {
  const context = await browser.newContext({ viewport: { width: 640, height: 360 } });
  t.after(() => context.close());
  await instrument(context);
  const page = await context.newPage();
  await page.goto(`${at.url}/view/${stream}`);
  await decoded(page, 10);
  await page.waitForFunction(() => !document.querySelector('lenscap-video').video.classList.contains('waits'));
  return page;
}

/** Switches, and tells for how long the picture was dark, how wide it was when it was not any more, and whether it could be saved before. */
const switched = (page, stream) => page.evaluate((to) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error(`no picture of ${to}`)), 15_000);
  const viewer = document.querySelector('lenscap-video');
  const began = performance.now();
  const seen = { bright: false, saved: false };
  const looking = setInterval(async () => {
    seen.bright ||= !viewer.video.classList.contains('waits');
    seen.saved ||= await viewer.snapshot().then(() => true, () => false);
  }, 50);
  viewer.addEventListener('picture', () => {
    clearInterval(looking);
    resolve({ ...seen, width: viewer.video.videoWidth, ms: performance.now() - began });
  }, { once: true });
  viewer.stream = to;
}), stream);

test('after a switch the former picture is dark until the first of the other camera, however long that takes', async (t) => {
  const page = await view(t, 'small');
  const slow = await switched(page, 'slow');
  assert.deepEqual([slow.bright, slow.saved, slow.width], [false, false, 640]);
  assert.ok(slow.ms > 1500, `its camera takes that long: ${slow.ms} ms`);
  const back = await switched(page, 'small');
  assert.deepEqual([back.bright, back.saved, back.width], [false, false, 320]);
  // Another watches it already, so that it is live at once, long before its next keyframe.
  const other = await view(t, 'pipe');
  const live = await switched(page, 'pipe');
  assert.deepEqual([live.bright, live.saved, live.width], [false, false, 640]);
  await other.close();
});

test('a stream that is asked for once more stays as it is', async (t) => {
  const page = await view(t, 'small');
  const seen = await page.evaluate(async () => {
    const viewer = document.querySelector('lenscap-video');
    let pictures = 0;
    viewer.addEventListener('picture', () => { pictures += 1; });
    viewer.stream = String(viewer.stream);
    const at = [viewer.state, viewer.video.classList.contains('waits')];
    await viewer.snapshot();
    await new Promise((resolve) => { viewer.video.requestVideoFrameCallback(resolve); });
    return [...at, pictures];
  });
  assert.deepEqual(seen, ['live', false, 0]);
});

test('who may not have the other stream sees no more of the former, and its camera is closed', async (t) => {
  const page = await view(t, 'small');
  await page.evaluate(() => {
    const viewer = document.querySelector('lenscap-video');
    window.pictures = 0;
    viewer.addEventListener('picture', () => { window.pictures += 1; });
    viewer.stream = 'nothing';
  });
  await page.locator('lenscap-video p', { hasText: 'nothing' }).waitFor();
  await server.until(({ cameras, peers }) => peers.length === 0 && cameras[0].state === 'closed', 'it is let go');
  const shown = () => page.evaluate(async () => {
    const viewer = document.querySelector('lenscap-video');
    return [window.pictures, viewer.video.className, await viewer.snapshot().then(() => true, () => false)];
  });
  assert.deepEqual(await shown(), [0, 'waits', false]);
  await page.evaluate(() => { document.querySelector('lenscap-video').stream = 'small'; });
  await page.waitForFunction(() => window.pictures === 1);
  assert.deepEqual(await shown(), [1, '', true]);
});

/** A server's configuration on this port, with its second incarnation in mind. */
const configuration = (port) => toml({ cameras: [{ id: 'small', source: 'test', size: [320, 240] }] })
  .replace('127.0.0.1:0"\n\n[webrtc]', `127.0.0.1:${port}"\n\n[webrtc]`);

test('without a server nothing seems to be open, and the picture is grey until there is another', async (t) => {
  const first = await Server.start(configuration(0));
  const page = await view(t, 'small', { at: first });
  await page.locator('.player .light.on').waitFor();
  assert.equal(await first.stop(), 0);
  await page.locator('lenscap-video p', { hasText: 'Trying again' }).waitFor();
  const shown = () => page.evaluate(async () => {
    const viewer = document.querySelector('lenscap-video');
    const state = document.querySelector('.player .state').textContent;
    return [viewer.state, viewer.video.className, document.querySelectorAll('.light.on').length, state === 'Open', await viewer.snapshot().then(() => true, () => false)];
  });
  assert.deepEqual(await shown(), [null, 'old', 0, false, false]);
  const second = await Server.start(configuration(new URL(first.url).port));
  t.after(() => second.stop());
  await page.locator('.player .light.on').waitFor({ timeout: 20_000 });
  await page.waitForFunction(() => document.querySelector('lenscap-video').video.className === '');
  assert.deepEqual(await shown(), ['live', '', 1, true, true]);
});

test('who is not let in any more by a server that was started again is told so', async (t) => {
  const password = 'open sesame';
  const hash = execFileSync(BINARY, ['passwd'], { input: `${password}\n`, encoding: 'utf8' }).trim();
  const guarded = (port) => `${configuration(port)}[[access.user]]\nname = "ann"\npassword = '${hash}'\n`;
  const first = await Server.start(guarded(0));
  const context = await browser.newContext({ viewport: { width: 640, height: 360 } });
  t.after(() => context.close());
  await instrument(context);
  const page = await context.newPage();
  await page.goto(`${first.url}/view/small`);
  await page.getByLabel('Name').fill('ann');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL(`${first.url}/view/small`);
  await decoded(page, 10);
  process.kill(first.pid, 'SIGKILL');
  await first.stop();
  // Logins are in its memory.
  const second = await Server.start(guarded(new URL(first.url).port));
  t.after(() => second.stop());
  await page.locator('lenscap-video p', { hasText: 'Log in at /login' }).waitFor({ timeout: 20_000 });
});

test('of a link that died without a word gallery and observer do not say that it lives', async (t) => {
  for (const [path, lost, silent] of [['/', 'body.lost #lost:not(:empty)', 13_000], ['/debug', '#lost:not(:empty)', 6000]]) {
    const relay = await Relay.to(server.url);
    t.after(() => relay.close());
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.clock.install();
    await page.goto(`${relay.url}${path}`);
    await page.locator(path === '/' ? 'article' : '.figures b').first().waitFor();
    relay.fallSilent();
    await page.clock.fastForward(silent);
    await page.locator(lost).waitFor({ state: 'attached' });
    // It asks anew, over each connection that the browser has left, until one is alive.
    const well = page.locator(path === '/' ? 'body:not(.lost) article' : '#lost:empty').first();
    for (let nth = 0; nth < 7 && await well.count() === 0; nth += 1) {
      await page.clock.fastForward(5500 * 2 ** nth);
      await well.waitFor({ state: 'attached', timeout: 500 }).catch(() => {});
    }
    assert.equal(await well.count(), 1, path);
  }
});

test('a last picture that could not be had is asked for again', async (t) => {
  const watched = await view(t, 'small');
  await watched.close();
  await server.until(({ peers }) => peers.length === 0);
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  let asked = 0;
  await page.route('**/small/picture.jpg*', (route) => (++asked === 1 ? route.abort() : route.continue()));
  const failed = page.waitForEvent('requestfailed');
  await page.goto(server.url);
  await page.locator('article', { hasText: 'small' }).waitFor();
  await failed;
  // Somebody comes and goes: there is news of the stream.
  const another = await view(t, 'small');
  await page.locator('article', { hasText: 'small' }).locator('.last img').waitFor();
  await another.close();
  assert.ok(asked >= 2);
});

test('an observer that was refused asks again and again, and sees all when it may', async (t) => {
  const { page } = await openPage(t, browser, server, '/debug');
  await page.locator('.figures b').first().waitFor();
  let refuses = true;
  let asked = 0;
  await page.route('**/debug/events', (route) => (++asked && refuses ? route.fulfill({ status: 502, body: 'no server behind this proxy' }) : route.continue()));
  await page.clock.install();
  await page.reload();
  const words = page.locator('#lost:not(:empty)');
  await words.waitFor();
  for (const nth of [2, 3]) {
    const again = page.waitForResponse('**/debug/events');
    await page.clock.fastForward(6000);
    await again;
    assert.equal(asked, nth);
  }
  refuses = false;
  await page.clock.fastForward(6000);
  await page.locator('.figures b').first().waitFor();
  await page.locator('#lost:empty').waitFor({ state: 'attached' });
});
