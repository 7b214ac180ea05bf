// The promise: however a viewer leaves, its camera is let go, and at once.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ACTS, PAGES, cameraProcess, measureAct, stage } from './support/acts.mjs';
import { decoded, instrument, launch } from './support/browser.mjs';
import { Server, ffmpegCamera, toml } from './support/server.mjs';

/** An incumbent takes about 5 s for these; a noisy machine shall not fail the test. */
const PROMPT_MS = 1500;

let server;
let browsers;

before(async () => {
  server = await Server.start(toml({
    cameras: [
      { id: 'pipe', source: `exec:${ffmpegCamera()}` },
      { id: 'small', source: 'test', size: [320, 240] },
    ],
  }));
  browsers = await stage();
});

after(async () => {
  await browsers.close();
  await server.stop();
});

const CAUSES = {
  'pc.close()': ['close_notify'],
  'browser killed': ['ws_closed'],
};

for (const [on, act] of Object.keys(PAGES).flatMap((on) => Object.keys(ACTS).map((act) => [on, act]))) {
  test(`${act}, on the ${on}: the camera's process ends promptly`, async () => {
    const seen = (await server.debug()).releases.length;
    const ms = await measureAct(server, 'pipe', act, browsers, on);
    assert.ok(ms < PROMPT_MS, `${ms} ms`);
    const [release] = await server.released({ seen });
    const { cameras, streams } = await server.debug();
    // On the wall there are several connections: the page notices the end of one while the next says goodbye.
    const causes = (on !== 'wall' && CAUSES[act]) || ['bye', 'beacon', 'ws_closed', 'close_notify'];
    assert.ok(causes.includes(release.cause), release.cause);
    assert.ok(release.closed_ms > 0 && release.detected_ms >= 0);
    assert.equal(cameras.find(({ id }) => id === 'pipe').state, 'closed');
    assert.equal(streams.find(({ id }) => id === 'pipe').state, 'idle');
  });
}

test('one leaving is one release, however many signs it gives', async () => {
  const before = (await server.debug()).releases.length;
  await measureAct(server, 'pipe', 'element removed', browsers);
  await sleep(300);
  assert.equal((await server.debug()).releases.length, before + 1);
});

test('the beacon is answered after the process is reaped, and /debug says closed', async () => {
  const context = await browsers.shared.newContext({ viewport: { width: 480, height: 270 } });
  await instrument(context);
  const page = await context.newPage();
  await page.goto(`${server.url}/view/pipe`);
  for (let run = 0; run < 10; run++) {
    await page.waitForFunction((count) => window.answers.length > count, run, { timeout: 20_000 });
    await decoded(page, 2);
    const pid = await cameraProcess(server, 'pipe');
    const beacon = await page.evaluate(() => window.answers.at(-1).beacon);
    const response = await fetch(server.url + beacon, { method: 'POST' });
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    assert.equal(response.status, 204);
    assert.match(response.headers.get('server-timing'), /^release;dur=\d+\.\d+$/);
    const { cameras } = await server.debug();
    assert.equal(cameras.find(({ id }) => id === 'pipe').state, 'closed');
    const again = await fetch(server.url + beacon, { method: 'POST' });
    assert.equal(again.status, 204, 'the beacon can be sent twice');
  }
  await context.close();
  await server.until(({ peers }) => peers.length === 0);
});

test('a page in the back/forward cache holds no camera, and plays again when it returns', async (t) => {
  const browser = await launch({ cache: true });
  t.after(() => browser.close());
  const context = await browser.newContext();
  await instrument(context);
  await context.addInitScript(() => addEventListener('pageshow', ({ persisted }) => { window.returned = persisted; }));
  const page = await context.newPage();
  await page.goto(`${server.url}/view/small`);
  await decoded(page, 5);
  await page.goto(browsers.elsewhere);
  await server.until(({ peers, cameras }) => peers.length === 0 && cameras.every(({ state }) => state === 'closed'), 'let go');
  await page.goBack({ waitUntil: 'commit' });
  await page.waitForFunction(() => window.returned === true, null, { timeout: 5000 });
  await decoded(page, 5);
  const { streams } = await server.debug();
  assert.equal(streams.find(({ id }) => id === 'small').state, 'live');
  await context.close();
  await server.until(({ peers }) => peers.length === 0);
});

test('without a viewer nothing runs', async (t) => {
  // After all that has been done to it above, killed browsers included.
  const { cameras, streams, peers } = await server.debug();
  assert.ok(cameras.every(({ state }) => state === 'closed'));
  assert.ok(streams.every(({ state, bitrate_bps }) => state === 'idle' && bitrate_bps === 0));
  assert.equal(peers.length, 0);
  // Of the whole process: ticks of 10 ms on a processor, threads that have ended included, and how often a thread has gone to sleep.
  const ticks = () => {
    const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const sleeps = () => new Map(readdirSync(`/proc/${server.pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${server.pid}/task/${thread}/status`, 'utf8');
    return [thread, Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)[1])];
  }));
  // A thread that has ended meanwhile takes none of the others' along.
  const woken = (before, now) => [...now].reduce((sum, [thread, count]) => sum + count - (before.get(thread) ?? 0), 0);
  // What a wake costs is the machine's affair: this process wakes ten times a second, and does nothing else.
  const idler = spawn('perl', ['-e', 'select(undef, undef, undef, 0.1) while 1']);
  t.after(() => idler.kill());
  await once(idler, 'spawn');
  await sleep(300);
  const idled = () => Number(readFileSync(`/proc/${idler.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
  const before = [ticks(), sleeps(), idled()];
  await sleep(10_000);
  const [share, wakes, other] = [(ticks() - before[0]) / 1000, woken(before[1], sleeps()) / 10, (idled() - before[2]) / 10];
  const percent = (part) => `${(part * 100).toFixed(3)} % of a core`;
  console.log(`${percent(share)}, ${wakes.toFixed(1)} wakes a second; for ten that do nothing ${percent(other)}`);
  assert.ok(wakes < 20, `${wakes} wakes a second`);
  // Where the machine is as fast as most, ten wakes cost a seventh of the first.
  assert.ok(share < Math.max(0.005, other * 7), percent(share));
});
