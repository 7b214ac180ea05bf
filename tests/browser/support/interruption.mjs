// A viewer whose network is cut for a while.

import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from './acts.mjs';
import { decoded, instrument } from './browser.mjs';
import { across } from './network.mjs';
import { ffmpegCamera } from './server.mjs';

/** A viewer of a camera of this kind (`test` or `exec`), on a network of its own until `t` is over. */
export async function watchAcross(t, source, configuration = {}) {
  const { network, server, browser } = await across(t, {
    cameras: [{ id: 'cam', source: source === 'exec' ? `exec:${ffmpegCamera({ size: '320x240' })}` : source, ...(source === 'test' ? { size: [320, 240] } : {}) }],
    ...configuration,
  });
  const context = await browser.newContext({ viewport: { width: 480, height: 270 } });
  await instrument(context, { player: true });
  const page = await context.newPage();
  await page.goto(`${server.url}/view/cam`);
  await decoded(page, 10);
  // What is known of a path within a second or two decides what silence on it means.
  await page.waitForTimeout(2000);
  return { network, server, browser, page };
}

/** Who watches, as the server sees it. */
const peers = async (server) => (await server.debug()).peers.map(({ id, state }) => `${id} ${state}`).join();

/**
 * Cuts the network, at these sides, for `ms`; gives the times, in ms, from the cut to the closed camera and from the
 * network's return to the first picture that was taken after it, and whether it is the same connection.
 */
export async function interruption({ network, server, page }, ms, sides = ['server', 'viewer']) {
  const before = await peers(server);
  const known = server.log.length;
  const cut = clock();
  network.cut(...sides);
  await sleep(ms * 0.9);
  const { cameras: [{ state }] } = await server.debug();
  await sleep(Math.max(0, cut + ms - clock()));
  network.heal();
  const healed = clock();
  const back = await pictureSince(page, healed);
  const closed = /^\[(\S+) .*device: closed/m.exec(server.log.slice(known));
  // At random, or each cut would meet the server in the same state.
  await sleep(1500 + Math.random() * 1000);
  const same = before === await peers(server);
  return { back, same, closed: state === 'closed', closedAfter: closed ? Date.parse(closed[1]) - cut : NaN };
}

/** Milliseconds from a time to the first picture that came after it. */
export async function pictureSince(page, time) {
  const shown = await page.waitForFunction((time) => {
    const since = time - performance.timeOrigin;
    return window.frames.find(({ received }) => received > since)?.at;
  }, time, { polling: 10, timeout: 60_000 });
  return await shown.jsonValue() + await page.evaluate(() => performance.timeOrigin) - time;
}
