// Actors that are killed while people watch.

import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from './acts.mjs';

/** When a page has received and shown frames, in ms of the clock that it shares with this process. */
export function shown(page) {
  return page.evaluate(() => window.frames.map(({ at, received }) => ({
    at: performance.timeOrigin + at, received: performance.timeOrigin + received,
  })));
}

/**
 * Kills an actor and gives the time from the order to the first frame, shown in the page, that was
 * received after the order was answered, and so comes from the actor's next incarnation.
 */
export async function killAndResume(server, page, path) {
  const at = clock();
  const status = await server.order(path, 'kill');
  if (status !== 204) throw new Error(`${path} could not be killed: ${status}`);
  const dead = clock();
  await sleep(1500);
  const first = (await shown(page)).find(({ received }) => received > dead);
  return (first?.at ?? Infinity) - at;
}
