// A network that is cut: nobody says goodbye, and the WebSocket hangs. The camera is closed all the same, and who
// comes back has its picture back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CUTS, measureAct } from './support/acts.mjs';
import { decoded, instrument } from './support/browser.mjs';
import { interruption, watchAcross } from './support/interruption.mjs';
import { across } from './support/network.mjs';
import { ffmpegCamera } from './support/server.mjs';

/** An incumbent takes about 5 s; a noisy machine shall not fail the test. */
const PROMPT_MS = 2000;

for (const source of ['test', 'exec']) {
  test(`during a cut the ${source} camera is closed, and the picture comes back over the same connection`, async (t) => {
    const viewer = await watchAcross(t, source);
    for (const ms of [1000, 2500, 5000, 8000]) {
      const seen = await interruption(viewer, ms);
      console.log(`cut for ${ms} ms: camera closed after ${seen.closedAfter.toFixed(0)} ms, picture ${seen.back.toFixed(0)} ms after the return`);
      assert.ok(seen.closed, 'the camera is closed meanwhile');
      assert.ok(seen.same, 'it is the same connection');
      assert.ok(seen.back < PROMPT_MS, `${seen.back} ms`);
      assert.ok(seen.closedAfter < PROMPT_MS / 2, `${seen.closedAfter} ms`);
    }
    assert.doesNotMatch(viewer.server.log, / gone \(/);
    const { releases, departures } = await viewer.server.debug();
    assert.deepEqual(releases.map(({ cause }) => cause), Array(4).fill('suspected'));
    assert.equal(departures.suspicions, 4);
    assert.equal(departures.suspicions_withdrawn, 4);
    assert.ok(departures.picture_away.median_ms > 0);
  });
}

test('each direction alone is enough, and so is a browser that is killed where nobody hears of it', async (t) => {
  const { network, server, browser } = await across(t, { cameras: [{ id: 'pipe', source: `exec:${ffmpegCamera()}` }] });
  for (const act of Object.keys(CUTS)) {
    const ms = await measureAct(server, 'pipe', act, { shared: browser, network });
    console.log(`${act}: ${ms.toFixed(0)} ms`);
    assert.ok(ms < PROMPT_MS, `${act}: ${ms} ms`);
  }
});

test('who asks for another stream during a cut has it after that, over the same connection', async (t) => {
  const size = [320, 240];
  const { network, server, page } = await watchAcross(t, 'test', {
    cameras: [{ id: 'cam', source: 'test', size }, { id: 'other', source: 'test', size }],
  });
  const { peers: [{ id }] } = await server.debug();
  network.cut('server', 'viewer');
  await page.getByText('No connection for').waitFor({ timeout: 10_000 });
  await page.evaluate(() => document.querySelector('lenscap-video').setAttribute('stream', 'other'));
  network.heal();
  const { peers } = await server.until(({ streams }) => streams.some((it) => it.id === 'other' && it.state === 'live'), 'the other is live');
  assert.deepEqual(peers.map((peer) => peer.id), [id]);
  await page.getByText('No connection for').waitFor({ state: 'hidden', timeout: 10_000 });
  await server.until(({ cameras }) => cameras.find((it) => it.id === 'cam').state === 'closed', 'the first is closed');
});

test('a camera that opens slowly can stay open through a suspicion', async (t) => {
  const viewer = await watchAcross(t, 'test', {
    cameras: [{ id: 'cam', source: 'test', size: [320, 240], pause_on_suspicion: false }],
  });
  const seen = await interruption(viewer, 1000);
  assert.ok(!seen.closed && seen.same);
  assert.match(viewer.server.log, /peer-1: suspect after/);
  assert.match(viewer.server.log, /peer-1: is there after all/);
  assert.doesNotMatch(viewer.server.log, /device: closed/);
});

test('a viewer whose packets stop for good is away, and watches again when they flow', async (t) => {
  const { network, server, browser } = await across(t, { cameras: [{ id: 'demo', source: 'test', size: [320, 240] }] });
  const context = await browser.newContext({ viewport: { width: 480, height: 270 } });
  await instrument(context);
  const page = await context.newPage();
  await page.goto(`${server.url}/view/demo`);
  await decoded(page, 10);
  network.lose(100);
  await page.getByText('The camera waits for the connection').waitFor({ timeout: 5000 });
  await server.until(({ peers }) => peers.some(({ id, state }) => id === 'peer-1' && state === 'away'), 'peer-1 is away');
  const { releases, verdicts, streams: [{ viewers }] } = await server.debug();
  assert.deepEqual(releases.map(({ cause }) => cause), ['suspected'], 'one release');
  assert.deepEqual([verdicts, viewers], [[], 0], 'it has not left, and is no viewer');
  // The signalling goes on, so the page knows that the server is there, and tries another connection.
  await page.waitForFunction(() => window.answers.length >= 2, null, { timeout: 30_000 });
  network.heal();
  await page.getByText('No connection for').waitFor({ state: 'hidden', timeout: 30_000 });
  const shown = () => page.evaluate(() => document.querySelector('lenscap-video').video.getVideoPlaybackQuality().totalVideoFrames);
  const before = await shown();
  for (const deadline = Date.now() + 10_000; await shown() < before + 10;) {
    assert.ok(Date.now() < deadline, 'the picture moves');
    await page.waitForTimeout(50);
  }
  const { peers } = await server.until(({ peers: { length } }) => length === 1, 'one connection is left');
  assert.equal(peers[0].state, 'watching');
});
