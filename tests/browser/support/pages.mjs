// What is asked of every page: that a screen reader finds its way, that nothing jumps, and that nothing is fetched elsewhere.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { ROOT } from './server.mjs';

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
const WEB = join(ROOT, 'src/web');

/** What axe-core finds wrong with a page, one line each. */
export async function violations(page) {
  // Colors are judged where they come to rest.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)));
  // Not as a script of the page: its policy allows none but the server's.
  await page.evaluate(AXE);
  const { violations: found } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.flatMap(({ id, help, nodes }) => nodes.map(({ target, any, all }) => (
    `${id} (${help}) at ${target.join(' ')}: ${[...any, ...all].map(({ message }) => message).join('; ')}`
  )));
}

/**
 * Has a context's pages note what jumps without anybody having done anything; but for what is within `lists`, a selector: the rows of a list
 * cannot but make room for another.
 */
export function watchShifts(context, lists = null) {
  return context.addInitScript((lists) => {
    window.shifts = [];
    const isRow = ({ node }) => lists !== null && (node?.closest ? node : node?.parentElement)?.closest(lists);
    const where = ({ node }) => [node?.closest?.('[id]')?.id, node?.className || node?.nodeName].filter(Boolean).join(' ');
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput, sources } of list.getEntries()) {
        const moved = sources.filter((source) => !isRow(source));
        if (!hadRecentInput && (moved.length > 0 || sources.length === 0)) window.shifts.push([value, ...moved.map(where)]);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  }, lists);
}

/** A page of a browser that looks at `server`: { page, problems, elsewhere }, closed with the test. */
export async function open(t, browser, server, path = '/', options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  t.after(() => context.close());
  await watchShifts(context);
  await context.addInitScript(() => {
    window.connections = [];
    const Native = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Native {
      constructor(...args) {
        super(...args);
        window.connections.push(this);
      }
    };
  });
  const page = await context.newPage();
  const problems = [];
  const elsewhere = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== server.url) elsewhere.push(request.url());
  });
  page.on('websocket', (socket) => new URL(socket.url()).host === new URL(server.url).host || elsewhere.push(socket.url()));
  await page.goto(server.url + path);
  return { page, problems, elsewhere, context };
}

/** Waits until the element on the page plays this stream. */
export function plays(page, stream) {
  return page.waitForFunction((stream) => {
    const player = document.querySelector('.player lenscap-video, #main lenscap-video');
    return player?.stream === stream && player.state === 'live' && player.video.videoWidth > 0 && !player.video.classList.contains('waits');
  }, stream);
}

/** All files that a page of ours consists of, by what they name. */
export function filesOf(page) {
  const found = new Set();
  const follow = (name) => {
    if (found.has(name)) return;
    found.add(name);
    const text = readFileSync(join(WEB, name), 'utf8');
    for (const [, file] of text.matchAll(/(?:from|import|href="|src=")\s*'?[./]*([\w-]+\.(?:js|css))/g)) follow(file);
  };
  follow(page);
  return [...found];
}

/** Bytes of these files as they are compressed for the way. */
export function compressed(files) {
  return files.reduce((sum, name) => sum + gzipSync(readFileSync(join(WEB, name))).length, 0);
}
