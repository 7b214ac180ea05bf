// A viewer behind a bad link, watched for as long as is wanted.

import { setTimeout as sleep } from 'node:timers/promises';
import { inbound } from './browser.mjs';
import { watchOver } from './link.mjs';

const LOSS = 10;
const JITTER_MS = 200;
/** Within each such time something new is to be seen. */
const WINDOW_MS = 10_000;

/** Durations as the server's log writes them, in ms. */
function durations(log, pattern) {
  const unit = { s: 1000, ms: 1, 'µs': 1e-3, ns: 1e-6 };
  return [...log.matchAll(pattern)].map(([, number, name]) => Number(number) * unit[name]);
}

/** Lets one viewer watch over a bad link for so many seconds; gives what was seen. */
export async function lossy(seconds, { log = () => {} } = {}) {
  const { server, link, page, end: leave } = await watchOver({ fps: 15 });
  try {
    const [{ id }] = (await server.debug()).peers;
    link.both({ loss: LOSS, jitter: JITTER_MS });
    const before = { ...link.count };
    const windows = [];
    const end = performance.now() + seconds * 1000;
    for (let shown = (await inbound(page)).framesDecoded; performance.now() < end;) {
      await sleep(Math.min(WINDOW_MS, Math.max(1, end - performance.now())));
      // None while it connects anew, which is for the caller to judge.
      const framesDecoded = (await inbound(page))?.framesDecoded ?? 0;
      windows.push(framesDecoded - shown);
      shown = framesDecoded;
    }
    const { peers, streams } = await server.debug();
    const stats = await inbound(page) ?? {};
    const connections = await page.evaluate(() => window.connections.map(({ connectionState }) => connectionState));
    log(server.log);
    const since = (name) => link.count[name] - before[name];
    return {
      seconds, first: id, peers, stream: streams[0].state, connections, windows,
      left: server.log.match(/.*: (?:left|gone) .*/g) ?? [],
      suspected: durations(server.log, /suspect after ([\d.]+)(s|ms|µs|ns) of silence/g),
      doubts: durations(server.log, /is there after all, after ([\d.]+)(s|ms|µs|ns)/g),
      packets: Object.fromEntries(Object.keys(before).map((name) => [name, since(name)])),
      frames: { decoded: stats.framesDecoded, freezes: stats.freezeCount, frozenSeconds: stats.totalFreezesDuration, nacks: stats.nackCount, plis: stats.pliCount },
    };
  } finally {
    await leave();
  }
}
