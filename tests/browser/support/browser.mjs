// Debian's Chromium, driven by playwright-core.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/**
 * `executable` runs the browser elsewhere, by a script of its own; with `cache` pages that are left
 * go to the back/forward cache, as they do for people.
 */
export function launch({ executable = '/usr/bin/chromium', cache = false, args = [] } = {}) {
  return chromium.launch({
    executablePath: executable,
    args: [...ARGS, ...args],
    ignoreDefaultArgs: cache ? ['--disable-back-forward-cache'] : [],
  });
}

/** A browser that can be killed: { browser, kill }; `killAll` leaves it no process that could say goodbye. */
export async function launchMortal({ executable = '/usr/bin/chromium' } = {}) {
  const server = await chromium.launchServer({ executablePath: executable, args: ARGS });
  const browser = await chromium.connect(server.wsEndpoint());
  const { pid } = server.process();
  return {
    browser,
    kill: () => process.kill(pid, 'SIGKILL'),
    killAll: () => process.kill(-pid, 'SIGKILL'),
    close: () => server.close(),
  };
}

/**
 * A browser whose tabs hide each other, as they do for people: playwright has every page believe that
 * it is visible, unless it finds the browser running. The browser can be made to sleep and to
 * wake up, as if the machine's lid were closed and opened.
 */
export async function launchTabs() {
  const folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
  const child = spawn('/usr/bin/chromium', [...ARGS, '--remote-debugging-port=0', `--user-data-dir=${folder}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'], detached: true,
  });
  const endpoint = await new Promise((resolve, reject) => {
    let said = '';
    child.once('exit', () => reject(new Error(`Chromium ended: ${said}`)));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
      const found = /listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
  });
  const browser = await chromium.connectOverCDP(endpoint, { noDefaults: true });
  const all = (signal) => process.kill(-child.pid, signal);
  return {
    context: browser.contexts()[0],
    sleep: () => all('SIGSTOP'),
    wake: () => all('SIGCONT'),
    close: async () => {
      await browser.close();
      all('SIGCONT');
      all('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/**
 * Notes in each page its connections, when an offer is sent, and what is answered; with `player`
 * also when frames are shown.
 */
export function instrument(context, { player = false } = {}) {
  return context.addInitScript((player) => {
    window.offers = [];
    window.frames = [];
    window.connections = [];
    window.answers = [];
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
      if (data.includes('"watch"')) {
        window.offers.push(performance.now());
        this.addEventListener('message', ({ data: text }) => {
          const message = JSON.parse(text);
          if (message.type === 'answer') window.answers.push(message);
        });
      }
      return send.call(this, data);
    };
    const Native = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Native {
      constructor(...args) {
        super(...args);
        window.connections.push(this);
        if (player) this.addEventListener('track', ({ streams }) => {
          // A player of our own beside the page's, so that every frame is seen.
          const video = document.createElement('video');
          Object.assign(video, { muted: true, srcObject: streams[0] });
          video.style.cssText = 'position:fixed;width:64px;height:36px;right:0;bottom:0;z-index:9';
          const seen = (now, { mediaTime, receiveTime, width }) => {
            window.frames.push({ at: performance.now(), mediaTime, received: receiveTime, width });
            video.requestVideoFrameCallback(seen);
          };
          video.requestVideoFrameCallback(seen);
          video.play().catch(() => {});
          document.documentElement.append(video);
        });
      }
    };
  }, player);
}

/** Statistics of the video that the page's latest connection receives. */
export function inbound(page) {
  return page.evaluate(async () => {
    const pc = window.connections.at(-1);
    if (!pc) return null;
    for (const entry of (await pc.getStats()).values()) {
      if (entry.type === 'inbound-rtp' && entry.kind === 'video') return { ...entry };
    }
    return null;
  });
}

/** Resolves when `count` frames have been decoded. */
export async function decoded(page, count = 1, patience = 10_000) {
  const deadline = Date.now() + patience;
  for (;;) {
    const stats = await inbound(page);
    if (stats?.framesDecoded >= count) return stats;
    if (Date.now() > deadline) throw new Error(`${stats?.framesDecoded} of ${count} frames decoded: ${JSON.stringify(stats)}`);
    await page.waitForTimeout(50);
  }
}

/** Milliseconds from the page's latest offer to the first frame that was shown after it. */
export async function firstFrame(page, patience = 10_000) {
  await page.waitForFunction(() => window.frames.some(({ at }) => at > window.offers.at(-1)), null, { polling: 20, timeout: patience });
  return page.evaluate(() => {
    const offer = window.offers.at(-1);
    return window.frames.find(({ at }) => at > offer).at - offer;
  });
}

/** Opens a stream's viewer in a small window, and waits until it plays: { page, close }. */
export async function openViewer(browser, server, stream) {
  const context = await browser.newContext({ viewport: { width: 480, height: 270 } });
  await instrument(context, { player: true });
  const page = await context.newPage();
  await page.goto(`${server.url}/view/${stream}`);
  await decoded(page, 10);
  return { page, close: () => context.close() };
}
