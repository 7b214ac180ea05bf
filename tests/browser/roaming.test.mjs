// A viewer that goes from one network to another, in the middle of it all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock } from './support/acts.mjs';
import { pictureSince, watchAcross } from './support/interruption.mjs';
import { watchOver } from './support/link.mjs';

/** Chromium looks for networks every two seconds; a noisy machine shall not fail the test. */
const PROMPT_MS = 4000;

for (const source of ['test', 'exec']) {
  test(`who gets another address watches on over the same connection (${source})`, async (t) => {
    const { network, server, page } = await watchAcross(t, source);
    const { peers: [{ id, remote: before }] } = await server.debug();
    const left = clock();
    network.roam();
    const there = clock();
    const back = await pictureSince(page, there);
    console.log(`roaming took ${(there - left).toFixed(0)} ms, picture ${back.toFixed(0)} ms after it`);
    assert.ok(back < PROMPT_MS, `${back} ms`);
    const moved = ({ peers }) => peers.length === 1 && peers[0].id === id && peers[0].remote.startsWith('10.78.');
    const { peers: [{ state }] } = await server.until(moved, 'it is seen at its new address');
    assert.equal(state, 'watching');
    assert.ok(before.startsWith('10.77.'), before);
    // The signalling goes along, and there is no doubt any more.
    await server.until(() => server.log.includes('goes on over another signalling connection'), 'its signalling goes along');
    await page.waitForFunction(() => document.querySelector('lenscap-video').video.classList.contains('old') === false);
  });
}

test('who is behind a router that forgets it watches on over the same connection', async (t) => {
  const { server, link, page, end } = await watchOver();
  t.after(end);
  const { peers: [{ id, remote }] } = await server.debug();
  await page.waitForTimeout(2000);
  await link.remap();
  const forgotten = clock();
  // What was under way may still come.
  const back = await pictureSince(page, forgotten + 50) + 50;
  console.log(`picture ${back.toFixed(0)} ms after the router has forgotten it`);
  assert.ok(back < PROMPT_MS, `${back} ms`);
  const moved = ({ peers }) => peers.length === 1 && peers[0].id === id && peers[0].remote !== remote;
  await server.until(moved, 'it is seen at its new address');
});
