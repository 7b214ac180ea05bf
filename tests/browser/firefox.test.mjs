// The pages in Debian's Firefox. It gets its H.264 from a plugin that it fetches from its makers; without, it says what helps.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchFirefox } from './support/bidi.mjs';
import { serve, World } from './support/observer.mjs';
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

test('the observer shows what the server does, and an order is given there', async () => {
  await firefox.open(`${server.url}/debug`);
  await firefox.until('/0 of 2/.test(document.querySelector(".figures")?.textContent)');
  await firefox.press('/');
  for (const key of 'front') await firefox.press(key);
  await firefox.until('document.querySelectorAll("#cameras tbody tr").length === 1');
  await firefox.press('\uE00C');
  await firefox.until('document.querySelectorAll("#cameras tbody tr").length === 2');
  await firefox.open(`${server.url}/debug#root/cameras/front/device`);
  const button = (words) => `[...document.querySelectorAll("button")].find((it) => it.textContent === ${JSON.stringify(words)} && !it.disabled && it.checkVisibility())`;
  await firefox.until(button('Kill …'));
  await firefox.evaluate(`${button('Kill …')}.click()`);
  await firefox.until('document.querySelector("dialog[open]")?.textContent.includes("against the budget of front")');
  await firefox.evaluate(`${button('Kill')}.click()`);
  await firefox.until('document.body.textContent.includes("root/cameras/front/device was killed.")');
  await server.until(({ tree }) => tree.children[0].children.find(({ path }) => path.endsWith('front')).children[0].restarts === 1, 'it was restarted');
  assert.deepEqual(firefox.problems, []);
});

test('the observer draws a full house there, and the past is gone back to', async (t) => {
  const site = await serve(new World({ cameras: 12, viewers: 20, trouble: true, chaos: true }));
  t.after(() => site.close());
  await firefox.open(`${site.url}/debug`);
  await firefox.until('document.querySelectorAll("#viewers tbody tr").length > 20');
  const shown = () => firefox.evaluate('document.querySelector(".timeline output").textContent');
  for (let step = 0; step < 8; step += 1) {
    const before = await shown();
    site.step(1000, { comings: 1 });
    await firefox.until(`document.querySelector(".timeline output").textContent !== ${JSON.stringify(before)}`);
  }
  assert.equal(await firefox.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, 'nothing is wider than the window');
  // A line of the ledger: last sign of life, verdict, stop, closed, from left to right.
  const line = await firefox.evaluate(`(() => {
    const track = [...document.querySelectorAll("#ledger .track")].find((it) => it.querySelector(".silent") && !it.querySelector(".closed").hidden);
    return ["silent", "verdict", "stop", "closed"].map((kind) => track.querySelector("." + kind).getBoundingClientRect().x);
  })()`);
  assert.ok(line.every((x, nth) => nth === 0 || x >= line[nth - 1] - 4), String(line));
  const mark = await firefox.evaluate('getComputedStyle(document.querySelector("[data-mark=bad]")).clipPath');
  assert.match(mark, /^polygon/, 'marks have their shapes');
  await firefox.evaluate('document.querySelector(".timeline input").focus()');
  for (let step = 0; step < 5; step += 1) await firefox.press('\uE012');
  await firefox.until('/0:05 ago/.test(document.querySelector(".timeline output").textContent)');
  assert.deepEqual(firefox.problems, []);
});

test('leaving the page leaves, in Firefox too', async () => {
  await firefox.open(`${server.url}/view/front`);
  await firefox.open('about:blank');
  await server.until(({ peers, cameras }) => peers.length === 0 && cameras.every(({ state }) => state === 'closed'), 'all is closed');
});
