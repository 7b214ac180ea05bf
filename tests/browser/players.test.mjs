// A player that is not ours, on a page of another origin.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decoded, instrument, launch } from './support/browser.mjs';
import { Server, toml } from './support/server.mjs';

const SECRET = 'the secret of a player';
const TOKEN = `[[access.token]]\nname = "player"\nhash = "sha256:${createHash('sha256').update(SECRET).digest('hex')}"\nview = ["front"]\n`
  + `[[access.token]]\nname = "admin"\nhash = "sha256:${createHash('sha256').update('admin').digest('hex')}"\nadmin = true\n`;

let browser;

before(async () => { browser = await launch(); });
after(() => browser.close());

/** A site elsewhere with this player on it. */
async function elsewhere(t, player) {
  const site = createServer((request, response) => {
    const isScript = request.url === '/player.js';
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? readFileSync(fileURLToPath(import.meta.resolve(player))) : '<!doctype html><title>elsewhere</title><video muted autoplay></video>');
  }).listen(0, '127.0.0.1');
  await once(site, 'listening');
  t.after(() => { site.closeAllConnections(); site.close(); });
  return `http://localhost:${site.address().port}`;
}

test('whip-whep plays with a token, begins ICE anew, and leaves', async (t) => {
  const origin = await elsewhere(t, 'whip-whep/whep.js');
  const cameras = [{ id: 'front', source: 'test', size: [320, 240] }];
  const server = await Server.start(`${toml({ cameras, server: `allowed_origins = ["${origin}"]` })}${TOKEN}`, { bearer: 'admin' });
  t.after(() => server.stop());
  const context = await browser.newContext();
  t.after(() => context.close());
  await instrument(context);
  const page = await context.newPage();
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(error.message));
  await page.goto(origin);
  const play = (token) => page.evaluate(async ({ url, token }) => {
    const { WHEPClient } = await import('/player.js');
    const pc = new RTCPeerConnection();
    pc.addTransceiver('video', { direction: 'recvonly' });
    pc.ontrack = ({ streams }) => { document.querySelector('video').srcObject = streams[0]; };
    window.player = new WHEPClient();
    await window.player.view(pc, url, token);
  }, { url: `${server.url}/whep/front`, token });
  await assert.rejects(play('a guess'), /401/);
  await play(SECRET);
  await decoded(page, 10);
  const [{ id }] = (await server.debug()).peers;
  await page.evaluate(() => window.player.restart());
  await decoded(page, 40);
  assert.deepEqual((await server.debug()).peers.map((peer) => peer.id), [id], 'over the same connection');
  await page.evaluate(() => window.player.stop());
  await server.until(({ peers, cameras: [{ state }] }) => peers.length === 0 && state === 'closed', 'it has left');
  const { releases: [release] } = await server.debug();
  assert.ok(['whep_delete', 'close_notify'].includes(release.cause), release.cause);
  assert.deepEqual(wrong, []);
});

test('a stream that was set before the element\'s module had come is shown', async (t) => {
  const server = await Server.start(toml({ cameras: [{ id: 'front', source: 'test', size: [320, 240] }] }));
  t.after(() => server.stop());
  const context = await browser.newContext();
  t.after(() => context.close());
  await instrument(context);
  const tab = await context.newPage();
  await tab.goto(`${server.url}/healthz`);
  await tab.evaluate(async () => {
    const element = document.createElement('lenscap-video');
    element.stream = 'front';
    document.body.append(element);
    await import('/lenscap.js');
  });
  await decoded(tab, 5);
  assert.equal(await tab.evaluate(() => document.querySelector('lenscap-video').getAttribute('stream')), 'front');
});

test('a page of another origin embeds the element with three lines', async (t) => {
  const site = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(page);
  }).listen(0, '127.0.0.1');
  await once(site, 'listening');
  t.after(() => { site.closeAllConnections(); site.close(); });
  const origin = `http://localhost:${site.address().port}`;
  const cameras = [{ id: 'front', source: 'test', size: [320, 240] }, { id: 'back', source: 'test', size: [320, 180] }];
  const server = await Server.start(toml({ cameras, server: `allowed_origins = ["${origin}"]` }));
  t.after(() => server.stop());
  const page = `<!doctype html>
    <script type="module" src="${server.url}/lenscap.js"></script>
    <style>lenscap-video { width: 20rem } lenscap-video::part(words) { color: rgb(1, 2, 3) }</style>
    <lenscap-video stream="front"></lenscap-video>`;
  const context = await browser.newContext();
  t.after(() => context.close());
  await instrument(context);
  const tab = await context.newPage();
  await tab.goto(origin);
  await decoded(tab, 10);
  const heard = await tab.evaluate(async () => {
    const element = document.querySelector('lenscap-video');
    const told = [];
    for (const type of ['state', 'picture', 'trouble', 'link']) element.addEventListener(type, ({ detail }) => told.push([type, detail]));
    const { size } = await element.snapshot('image/jpeg');
    await element.statistics();
    const pictured = new Promise((resolve) => { element.addEventListener('picture', resolve, { once: true }); });
    element.stream = 'back';
    await pictured;
    for (let frame = 0; frame < 10; frame += 1) await new Promise((resolve) => { element.video.requestVideoFrameCallback(resolve); });
    const figures = await element.statistics();
    const color = getComputedStyle(element.shadowRoot.querySelector('p')).color;
    element.remove();
    return { told, size, figures, color };
  });
  assert.ok(heard.size > 500);
  assert.equal(heard.color, 'rgb(1, 2, 3)');
  assert.ok(heard.figures.bitsPerSecond > 0 && heard.figures.width > 0, JSON.stringify(heard.figures));
  const states = heard.told.filter(([type]) => type === 'state').map(([, detail]) => detail);
  assert.deepEqual([states.at(-2), states.at(-1)], ['live', null]);
  await server.until(({ peers, cameras: all }) => peers.length === 0 && all.every(({ state }) => state === 'closed'), 'it has left');
});
