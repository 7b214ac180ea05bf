// The pages in Debian's Firefox. It gets its H.264 from a plugin that it fetches from its makers; without, it says what helps.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchFirefox } from './support/bidi.mjs';
import { Server, toml } from './support/server.mjs';

let server;
let firefox;

before(async () => {
  server = await Server.start(toml({ cameras: ['back', 'front'].map((id) => ({ id, source: 'test', size: [320, 240] })) }));
  firefox = await launchFirefox();
});

after(async () => {
  await firefox.close();
  await server.stop();
});

test('the gallery shows every stream, and its keys work', async () => {
  await firefox.open(server.url);
  await firefox.until('document.querySelectorAll("article").length === 2');
  assert.equal(await firefox.evaluate('document.querySelector("#summary").textContent'), '0 of 2 cameras open, 0 viewers');
  await firefox.press('2');
  assert.equal(await firefox.evaluate('document.activeElement.ariaLabel'), 'Watch front');
  await firefox.press('?');
  await firefox.until('document.querySelector("dialog").open');
  await firefox.press('\uE00C');
  await firefox.until('!document.querySelector("dialog").open');
  assert.deepEqual(firefox.problems, []);
});

test('the viewer plays, or says in a sentence that helps why it cannot', async () => {
  await firefox.open(`${server.url}/view/front`);
  const plays = 'document.querySelector("lenscap-video").video.videoWidth > 0';
  const words = 'document.querySelector("lenscap-video").trouble';
  await firefox.until(`${plays} || /cannot play H.264/.test(${words})`);
  if (await firefox.evaluate(plays)) {
    console.log('Firefox plays H.264 here');
    return;
  }
  const said = await firefox.evaluate(words);
  console.log(said);
  assert.match(said, /about:addons.*OpenH264/);
});

test('leaving the page leaves, in Firefox too', async () => {
  await firefox.open(`${server.url}/view/front`);
  await firefox.open('about:blank');
  await server.until(({ peers, cameras }) => peers.length === 0 && cameras.every(({ state }) => state === 'closed'), 'all is closed');
});
