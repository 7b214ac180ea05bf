// Who cannot see the picture lets the camera go if it is told to, and whoever can see it again has
// it again, without a click.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from './support/acts.mjs';
import { decoded, instrument, launchTabs } from './support/browser.mjs';
import { shown } from './support/faults.mjs';
import { Relay } from './support/relay.mjs';
import { Server, toml } from './support/server.mjs';

const CAMERAS = [{ id: 'demo', source: 'test', size: [320, 240] }];

let tabs;
let server;

before(async () => {
  tabs = await launchTabs();
  await instrument(tabs.context, { player: true });
  server = await Server.start(toml({ cameras: CAMERAS, webrtc: '[webrtc.ice]\nprofile = "development"' }));
});

after(async () => {
  await tabs.close();
  await server.stop();
});

/** A tab that watches until the test `t` is over, and can be hidden behind another. */
async function open(t, { at = server, url = at.url } = {}) {
  const page = await tabs.context.newPage();
  const other = await tabs.context.newPage();
  t.after(async () => {
    await Promise.all([page.close(), other.close()]);
    await at.until(({ peers }) => peers.length === 0, 'everybody has left');
  });
  await page.bringToFront();
  await page.goto(`${url}/view/demo`);
  await decoded(page, 5);
  return {
    page,
    hide: async () => {
      await other.bringToFront();
      await page.waitForFunction(() => document.visibilityState === 'hidden', null, { polling: 20 });
      return clock();
    },
    show: async () => {
      const since = clock();
      await page.bringToFront();
      await page.waitForFunction(() => document.visibilityState === 'visible', null, { polling: 20 });
      return since;
    },
  };
}

const isLetGo = ({ peers, cameras }) => peers.length === 0 && cameras.every(({ state }) => state === 'closed');
const connections = (page) => page.evaluate(() => window.connections.length);
const setTimeoutOf = (page, value) => page.evaluate((it) => document.querySelector('lenscap-video').setAttribute('hidden-timeout', it), value);

/** Milliseconds from `since`, by the common clock, to the first frame that was received after it. */
async function pictureAfter(page, since, patience = 15_000) {
  const deadline = clock() + patience;
  for (;;) {
    const first = (await shown(page)).find(({ received }) => received > since);
    if (first) return first.at - since;
    assert.ok(clock() < deadline, `no picture within ${patience} ms`);
    await sleep(20);
  }
}

test('a hidden tab goes on watching by default', async (t) => {
  const { page, hide } = await open(t);
  await hide();
  const { framesDecoded } = await decoded(page, 1);
  await decoded(page, framesDecoded + 60);
  assert.equal(await connections(page), 1);
  assert.equal((await server.debug()).peers.length, 1);
});

test('a hidden tab leaves after its time-out, and watches again when it is shown', async (t) => {
  const { page, hide, show } = await open(t);
  await setTimeoutOf(page, '1.5');
  // Shown again in time, it has not left.
  await hide();
  await show();
  const seen = (await server.debug()).releases.length;
  const hiddenAt = await hide();
  await server.until(isLetGo, 'let go');
  const left = clock() - hiddenAt;
  assert.ok(left > 1300 && left < 4000, `it left after ${left} ms`);
  const [release] = await server.released({ seen });
  assert.ok(['bye', 'close_notify', 'beacon'].includes(release.cause), release.cause);
  assert.equal(await connections(page), 1, 'it stayed until then');
  const took = await pictureAfter(page, await show());
  console.log(`picture ${took.toFixed(0)} ms after it was shown`);
  assert.ok(took < 2000, `${took} ms`);
  assert.equal(await connections(page), 2);
});

test('with a time-out of 0 a hidden tab leaves at once, and `never` is never', async (t) => {
  const { page, hide, show } = await open(t);
  await setTimeoutOf(page, '0');
  const before = clock();
  await Promise.all([hide(), server.until(isLetGo, 'let go')]);
  assert.ok(clock() - before < 1000, `${clock() - before} ms`);
  // A script that sets the attribute of a hidden page is heeded, too.
  await setTimeoutOf(page, 'never');
  await decoded(page, 5);
  await setTimeoutOf(page, '0');
  await server.until(isLetGo, 'let go');
  await pictureAfter(page, await show());
});

test('the server can say when hidden tabs leave, and a page knows better', async (t) => {
  const strict = await Server.start(toml({ cameras: CAMERAS, departure: 'hidden_timeout = "0s"' }));
  const one = await open(t, { at: strict });
  t.after(() => strict.stop());
  await one.hide();
  await strict.until(isLetGo, 'let go');
  await pictureAfter(one.page, await one.show());
  await setTimeoutOf(one.page, 'never');
  await one.hide();
  const { framesDecoded } = await decoded(one.page, 1);
  await decoded(one.page, framesDecoded + 30);
});

test('a picture in picture is seen, whatever is in front of its tab', async (t) => {
  const { page, hide } = await open(t);
  await setTimeoutOf(page, '0');
  await page.evaluate(() => document.querySelector('lenscap-video').video.requestPictureInPicture().then(() => {}));
  await hide();
  const { framesDecoded } = await decoded(page, 1);
  await decoded(page, framesDecoded + 30);
  assert.equal(await connections(page), 1);
  await page.evaluate(() => document.exitPictureInPicture());
  await server.until(isLetGo, 'let go');
});

test('a frozen tab holds no camera, not even when it is thawed unseen', async (t) => {
  const { page, hide, show } = await open(t);
  await hide();
  const session = await tabs.context.newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  await server.until(isLetGo, 'let go');
  await session.send('Page.setWebLifecycleState', { state: 'active' });
  assert.equal(await page.evaluate(() => document.visibilityState), 'hidden');
  assert.equal(await connections(page), 1);
  const took = await pictureAfter(page, await show());
  assert.ok(took < 2000, `${took} ms`);
});

test('who is thrown out watches again within 2 s, without a click, again and again', async (t) => {
  const { page } = await open(t);
  for (let time = 0; time < 3; time++) {
    const [{ id }] = (await server.until(({ peers }) => peers.length === 1 && peers[0].state === 'watching')).peers;
    assert.equal(await server.order(`root/peers/${id}`, 'kill'), 204);
    const took = await pictureAfter(page, clock());
    console.log(`picture ${took.toFixed(0)} ms after it was thrown out`);
    assert.ok(took < 2000, `${took} ms`);
  }
});

/** Has the browser sleep until the server says this; gives when it woke up. */
async function sleepUntil(condition, what, at = server) {
  tabs.sleep();
  try {
    await at.until(condition, what);
  } finally {
    tabs.wake();
  }
  return clock();
}

test('a page that wakes up from sleep watches on over the same connection', async (t) => {
  const { page } = await open(t);
  const [{ id }] = (await server.debug()).peers;
  const isAway = ({ peers: [{ state }], cameras }) => state === 'away' && cameras.every((camera) => camera.state === 'closed');
  const woken = await sleepUntil(isAway, 'it is away');
  const took = await pictureAfter(page, woken);
  console.log(`picture ${took.toFixed(0)} ms after waking up`);
  assert.ok(took < 1000, `${took} ms`);
  await server.until(({ peers }) => peers.length === 1 && peers[0].id === id && peers[0].state === 'watching', 'it is the same');
});

test('a page that was let go in its sleep watches again at once, and its return is counted', async (t) => {
  const hard = await Server.start(toml({ cameras: CAMERAS, departure: 'away_for = "0s"' }));
  const { page } = await open(t, { at: hard });
  t.after(() => hard.stop());
  const woken = await sleepUntil(isLetGo, 'let go', hard);
  // What had been sent before it was let go comes first: a picture of the past.
  await page.waitForFunction(() => window.answers.length === 2, null, { polling: 20 });
  const offered = await page.evaluate(() => performance.timeOrigin + window.offers.at(-1));
  const took = offered - woken + await pictureAfter(page, offered);
  console.log(`picture ${took.toFixed(0)} ms after waking up`);
  assert.ok(took < 2000, `${took} ms`);
  const { departures, verdicts: [verdict] } = await hard.debug();
  assert.equal(verdict.cause, 'silence');
  assert.equal(departures.returns_within_10s, 1);
  assert.ok(verdict.returned_ms > 0);
  const metrics = await (await fetch(`${hard.url}/metrics`)).text();
  assert.match(metrics, /^lenscap_returns_within_10s_total 1$/m);
});

for (const sign of ['online', 'shown', null]) {
  test(`a connection that is dead and does not know it is made anew (${sign ?? 'without a sign'})`, async (t) => {
    const relay = await Relay.to(server.url);
    t.after(() => relay.close());
    const { page, hide, show } = await open(t, { url: relay.url });
    if (sign === 'shown') await hide();
    relay.fallSilent();
    const [{ id }] = (await server.debug()).peers;
    // It says no goodbye, and the end of the WebSocket does not get through.
    assert.equal(await server.order(`root/peers/${id}`, 'kill'), 204);
    let since = clock();
    if (sign === 'shown') since = await show();
    if (sign === 'online') await page.evaluate(() => window.dispatchEvent(new Event('online')));
    const took = await pictureAfter(page, since, 30_000);
    console.log(`picture ${took.toFixed(0)} ms after ${sign ?? 'the end'}`);
    assert.ok(took < (sign ? 2000 : 15_000), `${took} ms`);
    assert.equal(await connections(page), 2);
  });
}

test('a live connection is kept, whatever signs there are', async (t) => {
  const { page, hide, show } = await open(t);
  for (let time = 0; time < 3; time++) {
    await hide();
    await show();
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
  }
  const { framesDecoded } = await decoded(page, 1);
  await decoded(page, framesDecoded + 60);
  assert.equal(await connections(page), 1);
});

test('attempts to connect are spread, and ever rarer up to a bound', async (t) => {
  const { page } = await open(t);
  const delays = await page.evaluate(async () => {
    const { retryDelay } = await import('/session.js');
    return [0, 1, 2, 5, 6, 100].map((attempt) => [0, 0.5, 1].map((chance) => retryDelay(attempt, chance)));
  });
  assert.deepEqual(delays[0], [100, 150, 200]);
  assert.deepEqual(delays[1], [200, 300, 400]);
  assert.deepEqual(delays[5], [4000, 6000, 8000]);
  assert.ok(delays.flat().every((delay) => delay >= 100 && delay <= 8000));
});
