// The page at /debug: what it shows, what it costs, and what its keys do. How it looks: observer-looks.test.mjs.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { gzipSync } from 'node:zlib';
import { launch, openViewer } from './support/browser.mjs';
import { events } from './support/events.mjs';
import { serve, World } from './support/observer.mjs';
import { drawn, fullHouse, madeUp, open, tell } from './support/observer-page.mjs';
import { ROOT, Server, toml } from './support/server.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

test('everything is told first, and then changes only', async (t) => {
  const server = await Server.start(toml({ cameras: [{ id: 'front', source: 'test', size: [320, 240] }] }));
  t.after(() => server.stop());
  const abort = new AbortController();
  t.after(() => abort.abort());
  const response = await fetch(`${server.url}/debug/events`, { signal: abort.signal });
  const told = events(response.body);
  const next = async () => {
    const { kind, text } = (await told.next()).value;
    return { kind, data: JSON.parse(text), size: text.length };
  };
  const first = await next();
  assert.equal(first.kind, 'report');
  const asked = await server.debug();
  assert.deepEqual(Object.keys(asked).filter((key) => !(key in first.data)), []);
  const second = await next();
  assert.equal(second.kind, 'changes');
  assert.equal(second.data.cameras, undefined, 'nothing has changed of the camera');
  assert.ok(second.size < first.size / 3, `${second.size} of ${first.size} characters`);
  await server.order('root/cameras/front/device', 'kill');
  for (;;) {
    const { kind, data } = await next();
    assert.equal(kind, 'changes');
    const [exit] = Object.values(data.exits?.set ?? {});
    if (!exit) continue;
    assert.deepEqual([exit.path, exit.reason], ['root/cameras/front/device', 'killed']);
    break;
  }
});

test('a viewer is seen from its coming to the ledger, under the id that its page knows', async (t) => {
  const server = await Server.start(toml({ cameras: [{ id: 'front', source: 'test', size: [320, 240] }] }));
  t.after(() => server.stop());
  const { page, problems } = await open(browser, t, server);
  await page.getByText('Nobody watches, so every camera is closed.').waitFor();
  const viewer = await openViewer(browser, server, 'front');
  const id = await viewer.page.evaluate(() => window.answers.at(-1).peer);
  await page.locator('#viewers').getByRole('link', { name: id, exact: true }).waitFor();
  await page.locator('#cameras tr[data-mark=lit]').waitFor();
  await viewer.close();
  const line = page.locator('#ledger tr', { has: page.getByRole('link', { name: id, exact: true }) });
  await line.waitFor();
  await page.waitForFunction((row) => /camera told to stop [\d.]+ (ms|s) after it, closed [\d.]+ (ms|s) after it/.test(row.title), await line.elementHandle());
  assert.match(server.log, new RegExp(`root/peers/${id}: left front`));
  await page.goto(`${server.url}/debug#root/peers/${id}`);
  const detail = page.getByRole('complementary', { name: `root/peers/${id}` });
  await detail.getByText('There is no such actor now').waitFor();
  await detail.getByText(/last sign of life, camera told to stop after .+, camera closed in/).waitFor();
  assert.deepEqual(problems, []);
});

test('an order is given after it was said what it will do, and what it did is shown', async (t) => {
  const server = await Server.start(toml({ cameras: [{ id: 'front', source: 'test', size: [320, 240] }] }));
  t.after(() => server.stop());
  const { page, problems } = await open(browser, t, server, { hash: '#root/cameras/front/device' });
  const detail = page.getByRole('complementary');
  await detail.getByRole('button', { name: 'Kill …' }).click();
  const dialog = page.getByRole('dialog', { name: 'Kill device?' });
  await dialog.getByText('stream-front~small and stream-front were started after it').waitFor();
  await dialog.getByText('against the budget of front: 1 of 10 restarts').waitFor();
  await dialog.getByRole('button', { name: 'Leave it' }).click();
  assert.equal((await server.debug()).exits.length, 0, 'it was left alone');
  await detail.getByRole('button', { name: 'Kill …' }).click();
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await drawn(page);
  assert.ok(await detail.isVisible(), 'only the question is called off');
  await detail.getByRole('button', { name: 'Kill …' }).click();
  await dialog.getByRole('button', { name: 'Kill', exact: true }).click();
  await detail.getByText('root/cameras/front/device was killed.').waitFor();
  await detail.getByText(/\d\d killed/).waitFor();
  await detail.getByRole('button', { name: 'Restart …' }).click();
  await page.getByRole('dialog', { name: 'Restart device?' }).getByRole('button', { name: 'Restart' }).click();
  await detail.getByText('root/cameras/front/device is started again.').waitFor();
  await server.until(({ tree }) => tree.children[0].children[0].children[0].restarts === 2, 'it was restarted twice');
  assert.deepEqual(problems, []);
});

test('what an actor can be told stays under the pointer, whatever becomes known of it', async (t) => {
  const site = await madeUp(t, { cameras: 2, viewers: 3 });
  const path = 'root/cameras/front/device';
  const { page, problems } = await open(browser, t, site, { hash: `#${path}` });
  const detail = page.getByRole('complementary');
  const places = () => detail.evaluate((panel) => [...panel.querySelectorAll('button')].map((button) => [button.textContent, button.getBoundingClientRect().top]));
  const rows = () => detail.locator('dl > div').count();
  const [before, few] = [await places(), await rows()];
  site.tell('changes', { ...site.now, actors: { set: { [path]: { state: 'backoff', last_exit: { at: site.now.at, reason: 'error: the device vanished while it was read' } } } } });
  await detail.getByText('the device vanished while it was read').waitFor();
  assert.ok(await rows() > few, 'more is known of it');
  assert.deepEqual(await places(), before);
  assert.deepEqual(problems, []);
});

test('a page that is left is told nothing any more', async (t) => {
  const site = await madeUp(t, { cameras: 2, viewers: 3 });
  const { page } = await open(browser, t, site);
  assert.equal(site.followers, 1);
  await page.goto('about:blank');
  const deadline = Date.now() + 5000;
  while (site.followers > 0 && Date.now() < deadline) await new Promise((again) => setImmediate(again));
  assert.equal(site.followers, 0);
});

test('the present can be stopped, gone back from, and returned to, by keys', async (t) => {
  const site = await madeUp(t, { cameras: 3, viewers: 5 });
  const { page, problems } = await open(browser, t, site);
  await tell(page, site, 8, 1000, { comings: 1 });
  const moment = page.locator('.timeline output');
  const viewers = () => page.locator('#viewers tbody th a').allTextContents();
  const now = await viewers();
  await page.getByRole('button', { name: 'Pause' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('slider').focus();
  for (let nth = 0; nth < 6; nth += 1) await page.keyboard.press('ArrowLeft');
  await drawn(page);
  assert.match(await moment.textContent(), /0:06 ago/);
  assert.notDeepEqual(await viewers(), now, 'others watched then');
  site.step(1000, { comings: 0 });
  await page.getByRole('button', { name: 'Go live' }).click();
  await drawn(page);
  assert.match(await moment.textContent(), /^live/);
  assert.deepEqual(await viewers(), now);
  assert.deepEqual(problems, []);
});

test('whoever closes an actor is where it was opened', async (t) => {
  const site = await madeUp(t, { cameras: 12, viewers: 60 });
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    const { page, context } = await open(browser, t, site, { width, height });
    await tell(page, site, 4, 1000, { comings: 1 });
    const link = page.locator('#ledger').getByRole('link').last();
    await link.scrollIntoViewIfNeeded();
    const scrolled = await page.evaluate(() => scrollY);
    assert.ok(scrolled > 0, 'there is something above');
    await link.press('Enter');
    const detail = page.getByRole('complementary');
    await detail.waitFor();
    // From wherever the focus is.
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('Escape');
    await detail.waitFor({ state: 'hidden' });
    assert.equal(await page.evaluate(() => scrollY), scrolled);
    assert.ok(await link.evaluate((it) => it === document.activeElement));
    await context.close();
  }
});

test('without a clipboard there is one thing to copy by hand, of the actor that is shown', async (t) => {
  const site = await madeUp(t, { cameras: 2, viewers: 3 });
  const { page } = await open(browser, t, site);
  await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  const [one, other] = await page.locator('#cameras tbody th a').all();
  await one.click();
  const detail = page.getByRole('complementary');
  for (let nth = 0; nth < 2; nth += 1) await detail.getByRole('button', { name: 'Copy as JSON' }).click();
  assert.equal(await detail.getByRole('textbox').count(), 1);
  const { camera } = JSON.parse(await detail.getByRole('textbox').inputValue());
  assert.equal(camera.id, await one.textContent());
  await page.keyboard.press('Escape');
  await other.click();
  await detail.waitFor();
  await drawn(page);
  assert.equal(await detail.getByRole('textbox').count(), 0);
});

test('whoever has the page read to them is not told the time', async (t) => {
  const site = await madeUp(t, { cameras: 3, viewers: 5 });
  const { page } = await open(browser, t, site);
  await page.evaluate(() => {
    window.said = [];
    const watched = [...document.querySelectorAll('[role=status], [role=alert], [aria-live], output')].filter((it) => it.ariaLive !== 'off');
    const told = new MutationObserver((all) => all.forEach(({ target }) => window.said.push(target.textContent)));
    watched.forEach((it) => told.observe(it, { childList: true, characterData: true, subtree: true }));
  });
  await tell(page, site, 8, 1000, { comings: 1 });
  assert.deepEqual(await page.evaluate(() => window.said), []);
});

test('the keyboard alone finds an actor, opens and closes it', async (t) => {
  const site = await madeUp(t, { cameras: 12, viewers: 30 });
  const { page } = await open(browser, t, site);
  await page.keyboard.press('/');
  await page.keyboard.type('garden');
  await drawn(page);
  assert.equal(await page.locator('#cameras tbody tr').count(), 1);
  await page.locator('#cameras').getByRole('link', { name: 'garden' }).focus();
  await page.keyboard.press('Enter');
  const detail = page.getByRole('complementary', { name: 'root/cameras/garden' });
  await detail.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'detail-title');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  await detail.waitFor({ state: 'hidden' });
  assert.equal(new URL(page.url()).hash, '');
  const toggle = page.getByRole('button', { name: 'Children of cameras' });
  await toggle.focus();
  await page.keyboard.press('/');
  await page.keyboard.press('Escape');
  await drawn(page);
  assert.equal(await page.locator('#cameras tbody tr').count(), 12);
});

test('one actor is copied as JSON', async (t) => {
  const site = await madeUp(t, { cameras: 2, viewers: 4 });
  const { page } = await open(browser, t, site, { hash: '#root/cameras/front' });
  await page.getByRole('button', { name: 'Copy as JSON' }).click();
  await page.getByText('Copied.').waitFor();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  assert.equal(copied.actor.children.length, 3);
  assert.equal(copied.camera.id, 'front');
});

test('words that are no names do nothing', async (t) => {
  const world = new World({ cameras: 2, viewers: 3 });
  const evil = '<img src=x onerror=window.hit=1>';
  world.cameras[0].last_error = evil;
  world.cameras[0].state = 'backoff';
  world.peers[0].remote = evil;
  world.actors[3].last_exit = { at: world.at, reason: evil };
  const site = await serve(world);
  t.after(() => site.close());
  const { page, problems } = await open(browser, t, site, { hash: '#root/cameras/front' });
  await page.locator('#cameras').getByText(evil).waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.deepEqual(problems, []);
});

test('with 500 viewers a frame costs a part of drawing it all, and only what has changed is touched', async (t) => {
  // In proportion, for the processor may be a slow one: `./dev bench observer` has the time.
  const { site, page, problems, first, spent } = await fullHouse(browser, t);
  const at = (share) => spent[Math.floor(share * (spent.length - 1))];
  const whole = first.at(-1);
  console.log(`script a frame: median ${at(0.5).toFixed(1)} ms, 95 % ${at(0.95).toFixed(1)} ms, longest ${at(1).toFixed(1)} ms of ${spent.length}; `
    + `the first frame ${whole.toFixed(1)} ms`);
  assert.ok(spent.length >= 60 && at(0.5) < whole / 3 && at(0.95) < whole / 2 && at(1) < whole, `${at(0.5)}, ${at(0.95)}, ${at(1)} ms`);
  // A moment in which one thing changes.
  await page.evaluate(() => {
    window.touched = new Set();
    new MutationObserver((all) => all.forEach(({ target }) => window.touched.add(target)))
      .observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  });
  site.tell('changes', { ...site.now, cameras: { set: { front: { failures: 77 } } } });
  await page.locator('#cameras td', { hasText: '77' }).waitFor();
  await drawn(page);
  const touched = await page.evaluate(() => window.touched.size);
  console.log(`${touched} of ${await page.evaluate(() => document.body.getElementsByTagName('*').length)} elements touched`);
  assert.ok(touched < 20, `${touched} elements`);
  assert.deepEqual(problems, []);
});

/** Lists in which a row comes and goes with a viewer. */
const LISTS = '#viewers tbody, .viewers-field, #ledger tbody';

test('nothing jumps: neither at first nor when states change, and who comes and goes moves nothing but the rows of a list', async (t) => {
  for (const [width, height] of [[390, 844], [1440, 900], [2560, 1440]]) {
    for (const lists of width === 390 ? [null] : [null, LISTS]) {
      const site = await madeUp(t, { cameras: 12, viewers: 20, trouble: true, chaos: lists !== null });
      const { page, context } = await open(browser, t, site, { width, height, lists });
      await tell(page, site, 12, 1000, { comings: lists === null ? 0 : 0.7 });
      for (const state of ['closing', 'closed', 'opening']) {
        site.tell('changes', { ...site.now, cameras: { set: { attic: { state, device: null, format: null, fps: null, opened_at: null } } } });
        await page.locator('#cameras tr', { hasText: 'attic' }).locator('.state', { hasText: state }).waitFor();
      }
      await drawn(page);
      assert.deepEqual(await page.evaluate(() => window.shifts), [], `${width}, ${lists ?? 'nobody comes'}`);
      await context.close();
      site.close();
    }
  }
});

test('of no viewer does a word run into the next, at any width', async (t) => {
  const site = await madeUp(t, { cameras: 4, viewers: 20, trouble: true });
  for (const width of [390, 800, 1000, 1190, 1300, 1440, 2000]) {
    const { page, context } = await open(browser, t, site, { width });
    await tell(page, site, 1, 1000, { comings: 0 });
    const overlaps = await page.evaluate(() => [...document.querySelectorAll('#viewers tbody tr')].flatMap((row) => {
      const words = [...row.cells].filter((cell) => cell.checkVisibility() && cell.textContent.trim()).map((cell) => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        const { left, right } = range.getBoundingClientRect();
        return { text: cell.textContent, left, right };
      });
      return words.filter(({ left }, nth) => nth > 0 && words[nth - 1].right > left + 1).map(({ text }, nth) => `${words[nth].text}|${text}`);
    }));
    assert.deepEqual(overlaps, [], `${width} pixels`);
    await context.close();
  }
});

test('its files are under 60 kB, compressed', () => {
  const folder = join(ROOT, 'src/web/debug');
  const files = [...readdirSync(folder).filter((name) => name.endsWith('.js')).map((name) => join(folder, name)), ...['dom.js', 'debug.css', 'debug.html'].map((name) => join(ROOT, 'src/web', name))];
  const size = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
  console.log(`${(size / 1000).toFixed(1)} kB in ${files.length} files`);
  assert.ok(size < 60_000, `${size} bytes`);
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|https?:\/\/(?!www\.w3\.org\/2000\/svg)/, file);
  }
});
