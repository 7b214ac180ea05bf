// The ways in which a viewer leaves, and how long its camera's process outlives them.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { decoded, instrument, launch, launchMortal } from './browser.mjs';

/** Milliseconds of the clock that pages and this process share. */
export const clock = () => performance.timeOrigin + performance.now();

/** The process of an exec camera, once its stream is live. */
export async function cameraProcess(server, stream) {
  const report = await server.until(({ streams }) => streams.some(({ id, state }) => id === stream && state === 'live'), `${stream} is live`);
  const { camera } = report.streams.find(({ id }) => id === stream);
  return Number(/pid (\d+)/.exec(report.cameras.find(({ id }) => id === camera).device)[1]);
}

/** Resolves to the time at which a process is gone, reaped and all. */
export async function gone(pid, patience = 10_000) {
  const deadline = clock() + patience;
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return clock();
    }
    if (clock() > deadline) throw new Error(`process ${pid} is still there after ${patience} ms`);
    await sleep(1);
  }
}

/** Each act takes ({ page, kill, killAll, elsewhere, server, network }) and gives the time at which it was done. */
export const ACTS = {
  'pc.close()': ({ page }) => page.evaluate(() => {
    const at = performance.timeOrigin + performance.now();
    for (const pc of window.connections) pc.close();
    return at;
  }),
  'tab closed': async ({ page }) => {
    const at = clock();
    await page.close();
    return at;
  },
  'element removed': ({ page }) => page.evaluate(() => {
    const at = performance.timeOrigin + performance.now();
    for (const element of document.querySelectorAll('lenscap-video')) element.remove();
    return at;
  }),
  'navigation away': async ({ page, elsewhere }) => {
    const at = clock();
    await page.goto(elsewhere);
    return at;
  },
  'browser killed': async ({ kill }) => {
    const at = clock();
    kill();
    return at;
  },
};

const cut = (...sides) => ({ network }) => {
  const at = clock();
  network.cut(...sides);
  return at;
};

/** Acts that need a network of one's own to be done in. */
export const CUTS = {
  'network cut both ways': cut('server', 'viewer'),
  'server → viewer cut': cut('viewer'),
  'viewer → server cut': cut('server'),
  'killed behind a silent firewall': ({ network, killAll }) => {
    network.hush();
    const at = clock();
    killAll();
    return at;
  },
};

const MORTAL = ['browser killed', 'killed behind a silent firewall'];

/** The pages that a stream can be watched on; each brings `page` to do it. Of the wall there must be another stream. */
export const PAGES = {
  viewer: async (page, server, stream) => { await page.goto(`${server.url}/view/${stream}`); },
  gallery: async (page, server, stream) => {
    await page.goto(server.url);
    await page.getByRole('button', { name: `Watch ${stream}` }).click();
  },
  wall: async (page, server, stream) => {
    await page.goto(server.url);
    await page.getByRole('button', { name: 'Wall' }).click();
    await page.waitForFunction(() => [...document.querySelectorAll('lenscap-video')].filter(({ state }) => state === 'live').length > 1);
    await page.locator(`[data-stream="${stream}"] lenscap-video`).waitFor();
  },
};

/**
 * Opens a viewer of `stream` on one of PAGES, lets it watch for a while, lets it leave, and gives the time from
 * the act to the end of the camera's process, in ms.
 */
export async function measureAct(server, stream, act, browsers, on = 'viewer') {
  const { network } = browsers;
  const mortal = MORTAL.includes(act) ? await launchMortal({ executable: network?.chromium }) : null;
  const browser = mortal?.browser ?? browsers.shared;
  // A small window: what is measured is not how fast this machine paints.
  const context = await browser.newContext({ viewport: { width: 480, height: 270 } });
  try {
    await instrument(context);
    const page = await context.newPage();
    await PAGES[on](page, server, stream);
    await decoded(page, 10);
    const pid = await cameraProcess(server, stream);
    // At random, or the figures would follow some rhythm of the server.
    await sleep(500 + Math.random() * 1500);
    const [at, end] = await Promise.all([
      { ...ACTS, ...CUTS }[act]({ page, kill: mortal?.kill, killAll: mortal?.killAll, elsewhere: browsers.elsewhere, server, network }),
      gone(pid),
    ]);
    return end - at;
  } finally {
    network?.heal();
    network?.unhush();
    if (mortal) await mortal.close().catch(() => {});
    else await context.close();
    await server.until(({ peers }) => peers.length === 0, 'everybody has left');
  }
}

/** A shared browser, and a page on another site to go to. */
export async function stage() {
  const other = createServer((_, response) => response.end('<!doctype html><title>elsewhere</title>'));
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const shared = await launch();
  return {
    shared,
    elsewhere: `http://localhost:${other.address().port}/`,
    close: async () => {
      await shared.close();
      other.close();
    },
  };
}
