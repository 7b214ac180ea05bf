// Twenty viewers on four cameras while something dies every tenth of a second.

import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { launch } from './browser.mjs';
import { Server, ffmpegCamera, toml } from './server.mjs';

const VIEWERS = 20;
const EVERY_MS = 100;
/** A picture may stand still for so long after the last death on its way, unless its viewer connects anew. */
const STILL_MS = 1000;
/** A camera without viewers may be open for so long. */
const OPEN_MS = 100;

const CAMERAS = ['test-a', 'test-b', 'exec-a', 'exec-b'];

export function usage(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)[1]),
    kilobytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)[1]),
  };
}

/** The same, once it does not change any more: a server that is just ready may still be starting threads. */
async function atRest(pid) {
  let seen = usage(pid);
  for (let same = 0; same < 5;) {
    await sleep(50);
    const now = usage(pid);
    same = now.descriptors === seen.descriptors && now.threads === seen.threads ? same + 1 : 0;
    seen = now;
  }
  return seen;
}

/** All paths beneath a node of the tree, with their nodes. */
function* walk(node) {
  yield node;
  for (const child of node.children) yield* walk(child);
}

/** In the page: viewers that note when they show frames and when they connect. */
function watchers({ cameras, count }) {
  window.watchers = [];
  const add = (nth) => {
    const element = document.createElement('lenscap-video');
    element.style.cssText = 'display:inline-block;width:120px';
    const watcher = { stream: cameras[nth % cameras.length], element, since: performance.now(), frames: [], connections: [], gone: null };
    element.setAttribute('stream', watcher.stream);
    document.body.append(element);
    let last = null;
    const seen = (now) => {
      watcher.frames.push(now);
      element.video.requestVideoFrameCallback(seen);
    };
    element.video.requestVideoFrameCallback(seen);
    setInterval(() => {
      if (element.connection !== last) {
        last = element.connection;
        watcher.connections.push(performance.now());
      }
    }, 10);
    window.watchers.push(watcher);
  };
  for (let nth = 0; nth < count; nth++) add(nth);
  /** The last camera is left and watched again, by all of its viewers at once. */
  window.toggle = (stream) => {
    for (const watcher of window.watchers.filter((it) => it.stream === stream)) {
      if (watcher.element.isConnected) {
        watcher.element.remove();
        watcher.gone = performance.now();
      } else {
        document.body.append(watcher.element);
        watcher.connections.push(performance.now());
        watcher.gone = null;
      }
    }
  };
}

/**
 * In the page: pauses in which a viewer neither saw a new picture nor connected anew, for so long that nobody died on
 * the picture's way either. Deaths come every tenth of a second, so that a camera may well die several times before
 * its next picture: what is promised is the time from the last of them.
 */
function pauses({ limit, deaths, origin }) {
  const now = performance.now();
  return window.watchers.flatMap(({ stream, frames, connections, gone }, nth) => {
    const moments = [...frames, ...(gone === null ? [now] : [])].sort((a, b) => a - b);
    const onTheWay = deaths
      .filter(({ path }) => path === 'root/cameras' || path === 'root/peers' || `${path}/`.startsWith(`root/cameras/${stream}/`))
      .map(({ path, at }) => ({ path, at: at + origin - performance.timeOrigin }));
    const found = [];
    for (let at = 1; at < moments.length; at++) {
      const [from, to] = [moments[at - 1], moments[at]];
      if (to - from <= limit) continue;
      // From just before: the connection's death is what stops the picture.
      if (connections.some((time) => time > from - 100 && time < to + 100)) continue;
      const died = onTheWay.filter((death) => death.at > from && death.at < to);
      const marks = [from, ...died.map((death) => death.at), to];
      const quiet = Math.max(...marks.slice(1).map((mark, before) => mark - marks[before]));
      if (quiet > limit) found.push({ viewer: nth, stream, from, lasted: to - from, quiet, died });
    }
    return found;
  });
}

/** Lets it happen for so long; gives what was seen. */
export async function chaos(seconds, { log = () => {} } = {}) {
  const server = await Server.start(toml({
    cameras: CAMERAS.map((id) => (id.startsWith('test')
      ? { id, source: 'test', size: [320, 180], fps: 15 }
      : { id, source: `exec:${ffmpegCamera({ size: '320x180', fps: 15 })}` })),
    supervision: 'restarts = 1000000',
  }));
  const fresh = await atRest(server.pid);
  const browser = await launch();
  try {
    const page = await browser.newPage({ viewport: { width: 900, height: 600 } });
    await page.goto(`${server.url}/healthz`);
    await page.addScriptTag({ url: '/lenscap.js', type: 'module' });
    await page.waitForFunction(() => customElements.get('lenscap-video'));
    await page.evaluate(watchers, { cameras: CAMERAS, count: VIEWERS });
    const everybody = () => page.waitForFunction(() => window.watchers.every(({ element, frames }) => !element.isConnected || frames.at(-1) > performance.now() - 500), null, { polling: 50, timeout: 30_000 });
    await everybody();
    const before = usage(server.pid);

    const deaths = [];
    const kill = async (path) => {
      const killed = await server.order(path, 'kill') === 204;
      if (killed) deaths.push({ path, at: performance.now() });
      return killed;
    };
    const exits = new Map();
    const openTooLong = [];
    const unwatchedSince = new Map();
    let maxThreads = 0;
    let over = false;
    const collect = (report) => {
      for (const { at, path, reason } of report.exits) exits.set(`${at} ${path} ${reason}`, path);
    };
    const observer = (async () => {
      while (!over) {
        const report = await server.debug();
        const now = performance.now();
        for (const { id, state } of report.cameras) {
          const watched = report.peers.some(({ stream }) => stream === id);
          if (watched || !['opening', 'capturing', 'closing'].includes(state)) {
            unwatchedSince.delete(id);
          } else {
            if (!unwatchedSince.has(id)) unwatchedSince.set(id, now);
            if (now - unwatchedSince.get(id) > OPEN_MS) openTooLong.push({ id, state, for: now - unwatchedSince.get(id) });
          }
        }
        maxThreads = Math.max(maxThreads, usage(server.pid).threads);
        await sleep(30);
      }
    })();
    const collector = (async () => {
      while (!over) {
        collect(await server.debug());
        await sleep(5000);
      }
    })();
    const toggler = (async () => {
      while (!over) {
        await sleep(1500 + Math.random() * 1500);
        await page.evaluate((stream) => window.toggle(stream), CAMERAS.at(-1));
      }
    })();
    const end = performance.now() + seconds * 1000;
    let missed = 0;
    for (let next = performance.now(); next < end; next += EVERY_MS) {
      await sleep(Math.max(0, next - performance.now()));
      const { tree } = await server.debug();
      // Any actor but those whose death ends all viewers' connections: they die below, once each.
      const paths = [...walk(tree)].map(({ path }) => path).filter((path) => path.split('/').length > 2);
      const path = paths[Math.floor(Math.random() * paths.length)];
      if (!await kill(path)) missed++; // it was dead already
    }
    for (const path of ['root/cameras', 'root/peers']) await kill(path);
    over = true;
    await Promise.all([observer, collector, toggler]);
    collect(await server.debug());
    const still = await page.evaluate(pauses, { limit: STILL_MS, deaths, origin: performance.timeOrigin });
    await page.evaluate((stream) => {
      if (!window.watchers.find((it) => it.stream === stream).element.isConnected) window.toggle(stream);
    }, CAMERAS.at(-1));
    await everybody();
    await sleep(1000);
    const after = usage(server.pid);
    const { frames, connections } = await page.evaluate(() => ({
      frames: window.watchers.reduce((sum, it) => sum + it.frames.length, 0),
      connections: window.watchers.reduce((sum, it) => sum + it.connections.length, 0),
    }));
    const unseen = deaths.map(({ path }) => path);
    for (const path of exits.values()) {
      const nth = unseen.indexOf(path);
      if (nth >= 0) unseen.splice(nth, 1);
    }
    await page.close();
    const calm = await server.until(
      (report) => report.peers.length === 0 && report.cameras.every(({ state }) => state === 'closed'), 'all is closed',
    );
    // Threads of HTTP's pool end some seconds after their last work, and so do connections that were kept for more.
    let idle = usage(server.pid);
    const rests = () => idle.threads <= fresh.threads + 1 && idle.descriptors <= fresh.descriptors + 8;
    for (const deadline = performance.now() + 20_000; !rests() && performance.now() < deadline; idle = usage(server.pid)) {
      await sleep(100);
    }
    log(server.log);
    return {
      seconds, kills: deaths.length, missed, exits: exits.size, frames, connections,
      still, openTooLong, unseen, fresh, before, after, maxThreads, idle,
      panics: (server.log.match(/panicked at/g) ?? []).length,
      left: [...walk(calm.tree)].filter(({ state }) => state !== 'running').map(({ path, state }) => `${path} ${state}`),
      status: await server.stop(),
    };
  } finally {
    await browser.close();
    await server.stop();
  }
}
