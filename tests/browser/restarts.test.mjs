// What a viewer sees of actors that die and come back.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { decoded, launch, openViewer } from './support/browser.mjs';
import { killAndResume } from './support/faults.mjs';
import { Server, ffmpegCamera, toml } from './support/server.mjs';

let server;
let browser;

before(async () => {
  server = await Server.start(toml({
    cameras: [
      { id: 'demo', source: 'test', size: [640, 360] },
      { id: 'pipe', source: `exec:${ffmpegCamera()}` },
      { id: 'other', source: 'test', size: [320, 240] },
    ],
    supervision: 'restarts = 6',
  }));
  browser = await launch();
});

// A test that fails leaves no viewers to the next.
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await server.until(({ peers }) => peers.length === 0, 'nobody watches');
});

after(async () => {
  await browser.close();
  await server.stop();
});

const open = (stream) => openViewer(browser, server, stream);

const find = (node, path) => (node.path === path ? node : node.children.map((child) => find(child, path)).find(Boolean));
const words = (page) => page.evaluate(() => document.querySelector('lenscap-video').shadowRoot.querySelector('p').textContent);

for (const stream of ['demo', 'pipe']) {
  for (const part of ['device', `stream-${stream}`]) {
    test(`when ${part} of ${stream} dies its viewers keep their connection and the picture resumes`, async () => {
      const { page, close } = await open(stream);
      const path = `root/cameras/${stream}/${part}`;
      const before = find((await server.debug()).tree, path).restarts;
      const resumed = await killAndResume(server, page, path);
      console.log(`${path}: ${resumed.toFixed(0)} ms`);
      assert.ok(resumed < 1000, `the picture stood still for ${resumed} ms`);
      assert.equal(await page.evaluate(() => window.connections.length), 1, 'over the same connection');
      const { tree, exits, streams, peers } = await server.debug();
      const node = find(tree, path);
      assert.equal(node.restarts, before + 1);
      assert.equal(node.last_exit.reason, 'killed');
      assert.ok(exits.some((exit) => exit.path === path && exit.reason === 'killed'));
      assert.deepEqual(streams.find(({ id }) => id === stream).subscribers, peers.map(({ id }) => id));
      await close();
      await server.until(({ cameras }) => cameras.every(({ state }) => state === 'closed'), 'closed afterwards');
    });
  }
}

test('a peer that dies takes nobody along, is counted, and its page comes back', async () => {
  const [first, second] = [await open('demo'), await open('demo')];
  const { peers } = await server.debug();
  const [dead, alive] = peers.map(({ id }) => id);
  assert.equal(await server.order(`root/peers/${dead}`, 'kill'), 204);
  assert.deepEqual((await server.released({ peer: dead })).map(({ cause }) => cause), ['crashed']);
  await first.page.waitForFunction(() => window.connections.length === 2, null, { timeout: 10_000 });
  await decoded(first.page, 5);
  assert.equal(await second.page.evaluate(() => window.connections.length), 1);
  const report = await server.debug();
  assert.ok(report.peers.some(({ id }) => id === alive));
  assert.equal(report.peers.length, 2);
  await first.close();
  await second.close();
});

test('a camera that fails again and again is given up in words, and a new viewer tries it again', async () => {
  const [bystander, viewer] = [await open('other'), await open('demo')];
  const camera = ({ cameras }) => cameras.find(({ id }) => id === 'demo');
  let report;
  do {
    const status = await server.order('root/cameras/demo/device', 'kill');
    assert.ok([204, 404, 409].includes(status), `answered ${status}`);
    report = await server.debug();
  } while (camera(report).state !== 'failed');
  const node = find(report.tree, 'root/cameras/demo');
  assert.equal(node.state, 'failed');
  assert.match(node.last_exit.reason, /restarted too often; the last was device: killed/);
  assert.match(camera(report).last_error, /camera demo has failed/);
  await viewer.page.waitForFunction(
    () => /Camera demo has failed/.test(document.querySelector('lenscap-video').shadowRoot.querySelector('p').textContent),
    null, { polling: 20 },
  );
  await decoded(bystander.page, 30);
  assert.equal(await bystander.page.evaluate(() => window.connections.length), 1, 'nobody else is concerned');
  assert.equal(camera(await server.debug()).state, 'failed', 'it is left alone');

  const newcomer = await open('demo');
  await server.until(({ streams }) => streams.find(({ id }) => id === 'demo').subscribers.length === 2, 'both watch');
  const from = (await decoded(viewer.page, 1)).framesDecoded;
  await decoded(viewer.page, from + 10);
  assert.equal(await viewer.page.evaluate(() => window.connections.length), 1, 'over the same connection');
  await viewer.page.waitForFunction(() => !document.querySelector('lenscap-video').shadowRoot.querySelector('p').textContent);
  assert.equal(await words(viewer.page), '');
  await Promise.all([bystander, viewer, newcomer].map(({ close }) => close()));
});

test('a failed camera is started again on request, without a viewer', async () => {
  let state;
  do {
    await server.order('root/cameras/pipe/device', 'kill');
    state = find((await server.debug()).tree, 'root/cameras/pipe').state;
  } while (state !== 'failed');
  assert.equal(await server.order('root/cameras/pipe', 'restart'), 204);
  const { tree, cameras } = await server.until(
    (report) => find(report.tree, 'root/cameras/pipe/device')?.state === 'running', 'it runs',
  );
  assert.equal(find(tree, 'root/cameras/pipe').budget.spent, 0, 'with a fresh budget');
  assert.equal(cameras.find(({ id }) => id === 'pipe').state, 'closed', 'and nobody watches');
});

test('orders to nobody are refused in words', async () => {
  for (const [path, what, status, code] of [
    ['root/cameras/nobody', 'kill', 404, 'unknown_actor'],
    ['root', 'kill', 409, 'not_possible'],
    ['root', 'restart', 409, 'not_possible'],
    ['nonsense', 'restart', 404, 'unknown_actor'],
  ]) {
    const response = await fetch(`${server.url}/debug/actors/${path}/${what}`, { method: 'POST' });
    assert.equal(response.status, status, path);
    assert.equal((await response.json()).code, code);
  }
});
