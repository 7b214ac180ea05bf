// Opening and leaving, again and again, leaves nothing behind.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { instrument, launch } from './support/browser.mjs';
import { Server, ffmpegCamera, toml } from './support/server.mjs';

const CYCLES = 200;
const SETTLED = 50;

function usage(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)[1]),
    kilobytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)[1]),
  };
}

test(`${CYCLES} cycles of opening and leaving leave nothing behind`, async (t) => {
  const server = await Server.start(toml({
    cameras: [
      { id: 'test', source: 'test', size: [320, 240] },
      { id: 'exec', source: `exec:${ffmpegCamera({ size: '320x240' })}` },
    ],
  }));
  const browser = await launch();
  t.after(async () => {
    await browser.close();
    await server.stop();
  });
  const context = await browser.newContext({ viewport: { width: 480, height: 270 } });
  await instrument(context);
  const page = await context.newPage();
  await page.goto(`${server.url}/view/test`);
  await page.evaluate(() => document.querySelector('lenscap-video').remove());
  const quiet = () => server.until(
    ({ peers, cameras, streams }) => peers.length === 0 && cameras.every(({ state }) => state === 'closed')
      && streams.every(({ state }) => state === 'idle'),
    'everything is closed',
  );
  const samples = [];
  for (let cycle = 1; cycle <= CYCLES; cycle++) {
    await page.evaluate(async (stream) => {
      const viewer = document.createElement('lenscap-video');
      viewer.setAttribute('stream', stream);
      document.body.append(viewer);
      await new Promise((resolve) => viewer.video.addEventListener('playing', resolve, { once: true }));
      viewer.remove();
    }, cycle % 2 ? 'test' : 'exec');
    if (cycle % 10 === 0) {
      await quiet();
      samples.push({ cycle, ...usage(server.pid) });
    }
  }
  console.table(samples);
  // Sockets of viewers who have just left, and kept-alive ones, come and go: what stays is the least of several samples.
  const least = (of, part) => Math.min(...samples.filter(part).map((sample) => sample[of]));
  const early = (of) => least(of, ({ cycle }) => Math.abs(cycle - SETTLED) <= 20);
  const late = (of) => least(of, ({ cycle }) => cycle >= CYCLES - 40);
  // Some connections are kept alive for seconds, for the next request; nothing tells when one ends.
  const deadline = Date.now() + 30_000;
  while (usage(server.pid).descriptors > early('descriptors') + 2) {
    assert.ok(Date.now() < deadline, 'descriptors do not grow');
    await sleep(100);
  }
  // Each of the two threads that answer requests may have one beside it for what may block, whenever it is first needed.
  assert.ok(late('threads') <= early('threads') + 2, 'threads do not grow');
  assert.ok(late('kilobytes') < early('kilobytes') * 1.05 + 1024, `memory stays flat: ${JSON.stringify(samples)}`);
  const { releases, tree } = await server.debug();
  assert.ok(releases.length >= CYCLES);
  assert.deepEqual(tree.children.find(({ path }) => path === 'root/peers').children, []);
});
