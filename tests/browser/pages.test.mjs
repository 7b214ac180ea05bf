// The gallery and the viewer: by eye, by keyboard alone, and by whoever reads screens.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './support/browser.mjs';
import { compressed, filesOf, open, plays, violations } from './support/pages.mjs';
import { Server, toml } from './support/server.mjs';

const NAMES = ['back', 'barn', 'drive', 'front', 'garage', 'garden', 'hall', 'kitchen', 'nursery', 'porch', 'shed', 'workshop'];
const small = (id) => ({ id, source: 'test', size: [320, 180], fps: 10 });

let browser;
let server;

before(async () => {
  browser = await launch();
  server = await Server.start(toml({ cameras: NAMES.map(small), server: 'max_viewers = 200' }));
});

after(async () => {
  await browser.close();
  await server.stop();
});

const idle = (at = server) => at.until(({ peers, cameras }) => peers.length === 0 && cameras.every(({ state }) => state === 'closed'), 'nobody watches');
const ready = (page, count = NAMES.length) => page.locator('article').nth(count - 1).waitFor();
const focused = (page) => page.evaluate(() => document.activeElement.ariaLabel ?? document.activeElement.id);

for (const colorScheme of ['dark', 'light']) {
  for (const [width, height] of [[390, 844], [1440, 900]]) {
    test(`axe-core finds nothing on any page, ${colorScheme}, ${width} px wide`, async (t) => {
      const options = { colorScheme, viewport: { width, height } };
      const found = {};
      const look = async (what, page) => { found[what] = await violations(page); };
      const { page } = await open(t, browser, server, '/', options);
      await ready(page);
      await look('gallery', page);
      await page.locator('#help').click();
      await look('keys', page);
      await page.keyboard.press('Escape');
      await page.locator('article .watch').nth(2).click();
      await plays(page, 'drive');
      await page.keyboard.press('s');
      await page.getByText('a second').waitFor();
      await look('stage', page);
      await page.keyboard.press('Escape');
      await page.locator('.last img').first().waitFor();
      await look('gallery with a picture', page);
      await page.locator('#wall').click();
      await page.waitForFunction(() => [...document.querySelectorAll('lenscap-video')].some(({ state }) => state === 'live'));
      await look('wall', page);
      await page.goto(`${server.url}/view/front`);
      await plays(page, 'front');
      await look('viewer', page);
      await page.goto(`${server.url}/login`);
      await look('login', page);
      const failing = await Server.start(toml({ cameras: [{ id: 'gone', source: 'v4l2:/dev/video97' }, { id: 'ends', source: 'exec:exit 3' }] }));
      t.after(() => failing.stop());
      await page.goto(`${failing.url}/view/gone`);
      await page.locator('lenscap-video p:not(:empty)').waitFor();
      await look('viewer of what is not there', page);
      const watched = await open(t, browser, failing, '/view/ends', options);
      await page.goto(failing.url);
      await page.locator('.trouble:not(:empty)').first().waitFor();
      await look('gallery with a failure', page);
      await watched.page.close();
      const none = await Server.start(toml({ cameras: [] }));
      t.after(() => none.stop());
      await page.goto(none.url);
      await page.getByText('No camera yet').waitFor();
      await look('gallery without cameras', page);
      assert.deepEqual(found, Object.fromEntries(Object.keys(found).map((what) => [what, []])));
    });
  }
}

test('the keyboard alone chooses, watches, switches over the live connection, and goes back', async (t) => {
  const { page, problems } = await open(t, browser, server);
  await ready(page);
  await page.keyboard.press('4');
  assert.equal(await focused(page), 'Watch front');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(page), 'Watch garage');
  await page.keyboard.press('ArrowDown');
  assert.notEqual(await focused(page), 'Watch garage');
  await page.keyboard.press('ArrowUp');
  assert.equal(await focused(page), 'Watch garage');
  await page.keyboard.press('Enter');
  await plays(page, 'garage');
  assert.equal(await focused(page), 'Watching garage');
  const [peer] = (await server.debug()).peers;
  for (const [key, stream] of [['ArrowRight', 'garden'], ['ArrowLeft', 'garage'], ['2', 'barn'], ['ArrowUp', 'back'], ['ArrowLeft', 'workshop']]) {
    await page.keyboard.press(key);
    await plays(page, stream);
    const report = await server.until(({ streams }) => streams.find(({ id }) => id === stream).state === 'live');
    assert.deepEqual(report.peers.map(({ id }) => id), [peer.id], 'the peer is the same');
  }
  assert.equal(await page.evaluate(() => window.connections.length), 1);
  await page.keyboard.press('s');
  await page.getByText('Round trip').waitFor();
  await page.keyboard.press('s');
  await page.keyboard.press('Escape');
  await idle();
  assert.equal(await focused(page), 'Watch workshop', 'the focus is where it was left');
  await page.keyboard.press('w');
  await server.until(({ peers }) => peers.length >= 6, 'the wall plays');
  await page.keyboard.press('Escape');
  await idle();
  await page.keyboard.press('/');
  assert.equal(await focused(page), 'Search cameras');
  // Letters and digits are typed there, and mean nothing else.
  await page.keyboard.type('gar');
  assert.deepEqual(await page.locator('article:visible h2').allTextContents(), ['garage', 'garden']);
  await page.keyboard.type('w1');
  await page.getByText('No camera has this in its name').waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('article:visible').count(), NAMES.length);
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  assert.deepEqual(problems, []);
});

test('whoever speaks to the browser switches the keys of one character off', async (t) => {
  const { page } = await open(t, browser, server);
  await ready(page);
  await page.keyboard.press('?');
  await page.getByRole('checkbox').uncheck();
  await page.keyboard.press('Escape');
  await page.keyboard.press('4');
  assert.notEqual(await focused(page), 'Watch front');
  await page.reload();
  await ready(page);
  await page.keyboard.press('w');
  assert.equal(await page.locator('body.wall').count(), 0);
  await page.locator('article .watch').first().focus();
  await page.keyboard.press('Enter');
  await plays(page, 'back');
  await page.keyboard.press('Escape');
  await idle();
  // By which key the help is called is one of them: there is a button.
  await page.goto(`${server.url}/view/front`);
  await page.keyboard.press('?');
  assert.equal(await page.getByRole('dialog').count(), 0);
  await page.getByRole('button', { name: 'Keys' }).click();
  await page.getByRole('checkbox').check();
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await page.goto('about:blank');
  await idle();
});

test('a few cameras fill a wall as well as they can', async (t) => {
  const few = await Server.start(toml({ cameras: ['a', 'b', 'c', 'd'].map(small) }));
  t.after(() => few.stop());
  for (const [width, height, columns] of [[1280, 800, 2], [1920, 1200, 2], [500, 1400, 1]]) {
    const { page, context } = await open(t, browser, few, '/', { viewport: { width, height } });
    await ready(page, 4);
    await page.locator('#wall').click();
    assert.equal(await page.evaluate(() => getComputedStyle(document.getElementById('gallery')).gridTemplateColumns.split(' ').length), columns, `${width}x${height}`);
    await context.close();
  }
  await idle(few);
});

test('what has faded away is not pressed: the first touch shows it', async (t) => {
  const { page } = await open(t, browser, server, '/view/front', { viewport: { width: 390, height: 844 }, hasTouch: true });
  await plays(page, 'front');
  const { x, y, width, height } = await page.getByRole('button', { name: 'Statistics (s)' }).boundingBox();
  await page.locator('.player.idle').waitFor();
  const touch = () => page.touchscreen.tap(x + width / 2, y + height / 2);
  await touch();
  await page.locator('.player:not(.idle)').waitFor();
  assert.equal(await page.locator('.figures:visible').count(), 0);
  await touch();
  await page.locator('.figures:visible').waitFor();
  await page.goto('about:blank');
  await idle();
});

test('every control can be reached by Tab and seen to be reached', async (t) => {
  const { page } = await open(t, browser, server, '/view/front');
  await plays(page, 'front');
  const names = new Set();
  for (let press = 0; press < 8; press += 1) {
    await page.keyboard.press('Tab');
    const { name, outline } = await page.evaluate(() => {
      const { activeElement: at } = document;
      return { name: at.ariaLabel ?? at.nodeName, outline: getComputedStyle(at).outlineStyle };
    });
    if (name !== 'BODY' && !name.startsWith('Watching')) {
      names.add(name);
      assert.equal(outline, 'solid', name);
    }
  }
  assert.deepEqual([...names], ['Statistics (s)', 'Save the picture (d)', 'Copy the picture (c)', 'Picture in picture (p)', 'Full screen (f)', 'Keys']);
});

test('nothing jumps, on no page and at no width', async (t) => {
  for (const [width, height] of [[390, 844], [1440, 900], [2560, 1440]]) {
    const { page } = await open(t, browser, server, '/', { viewport: { width, height } });
    await ready(page);
    // Another page watches: states change, and pictures come.
    const other = await open(t, browser, server, '/view/barn');
    await plays(other.page, 'barn');
    await page.locator('[data-stream="barn"][data-light="on"]').waitFor();
    await page.locator('[data-stream="barn"] .last img').waitFor();
    await other.page.close();
    await page.locator('[data-stream="barn"][data-light="off"]').waitFor();
    assert.deepEqual(await page.evaluate(() => window.shifts), [], `gallery, ${width}`);
    await page.goto(`${server.url}/view/front`);
    await plays(page, 'front');
    assert.deepEqual(await page.evaluate(() => window.shifts), [], `viewer, ${width}`);
    await page.close();
  }
  await idle();
});

test('gallery, viewer and element are under 60 kB together, compressed', () => {
  const files = [...new Set(['index.html', 'view.html'].flatMap(filesOf))];
  for (const expected of ['lenscap.js', 'session.js', 'gallery.css', 'player.js']) assert.ok(files.includes(expected), expected);
  const bytes = compressed(files);
  console.log(`${files.length} files, ${(bytes / 1000).toFixed(1)} kB`);
  assert.ok(bytes < 60_000, `${bytes} bytes`);
});

test('no page asks another host for anything', async (t) => {
  const { page, elsewhere, problems } = await open(t, browser, server);
  await ready(page);
  await page.locator('article .watch').first().click();
  await plays(page, 'back');
  await page.keyboard.press('Escape');
  await page.keyboard.press('w');
  await server.until(({ peers }) => peers.length >= 6, 'the wall plays');
  for (const path of ['/view/front', '/login']) await page.goto(server.url + path);
  assert.deepEqual([elsewhere, problems], [[], []]);
  await page.close();
  await idle();
});

test('on the wall those play that are on the screen, and no others', async (t) => {
  const { page } = await open(t, browser, server, '/', { viewport: { width: 390, height: 700 } });
  await ready(page);
  await page.getByRole('button', { name: 'Wall' }).click();
  // A phone shows some of the twelve.
  const watched = ({ streams }) => streams.filter(({ subscribers }) => subscribers.length > 0).map(({ id }) => id);
  const on = () => page.evaluate(() => [...document.querySelectorAll('article')].filter((it) => {
    const { top, bottom } = it.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }).map((it) => it.dataset.stream));
  const expected = async () => {
    const wanted = await on();
    assert.ok(wanted.length >= 2 && wanted.length <= 5, String(wanted));
    await server.until((report) => JSON.stringify(watched(report)) === JSON.stringify(wanted), `${wanted} are watched`);
    return wanted;
  };
  assert.equal((await expected())[0], 'back');
  await page.mouse.move(200, 400);
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  assert.equal((await expected()).at(-1), 'workshop');
  await page.getByRole('button', { name: 'Wall' }).click();
  await idle();
});

test('the last picture stays when the camera is closed, and no picture opens one', async (t) => {
  const own = await Server.start(toml({ cameras: [small('front'), small('never')] }));
  t.after(() => own.stop());
  const { page, problems } = await open(t, browser, own);
  await ready(page, 2);
  await page.getByRole('button', { name: 'Watch front' }).click();
  await plays(page, 'front');
  await page.keyboard.press('Escape');
  await idle(own);
  const card = page.locator('[data-stream="front"]');
  await card.locator('.age', { hasText: 'just now' }).waitFor();
  await page.waitForFunction(() => document.querySelector('[data-stream="front"] img')?.naturalWidth === 320);
  const opens = async () => (await own.debug()).cameras.map(({ opens }) => opens);
  const before = await opens();
  await page.reload();
  await card.locator('img').waitFor();
  await page.locator('[data-stream="never"] .empty').waitFor();
  assert.equal(await page.locator('[data-stream="never"] img').count(), 0);
  assert.equal((await fetch(`${own.url}/streams/never/picture.jpg`)).status, 404);
  assert.deepEqual([await opens(), before], [[1, 0], [1, 0]]);
  assert.deepEqual(problems, []);
});

test('what waits on the stage for a camera\'s picture is not another\'s', async (t) => {
  const own = await Server.start(toml({ cameras: [small('front'), small('never')] }));
  t.after(() => own.stop());
  const { page } = await open(t, browser, own);
  await ready(page, 2);
  const card = page.getByRole('button', { name: 'Watch front' });
  await card.click();
  await plays(page, 'front');
  await page.keyboard.press('Escape');
  await page.locator('[data-stream="front"] img').waitFor();
  await card.click();
  await plays(page, 'front');
  const poster = () => page.evaluate(() => document.querySelector('.player lenscap-video').getAttribute('poster'));
  assert.match(await poster(), /front/);
  await page.keyboard.press('ArrowRight');
  await plays(page, 'never');
  assert.doesNotMatch(await poster() ?? '', /front/);
});

test('the way back from the stage is the browser’s way back, too', async (t) => {
  const { page } = await open(t, browser, server);
  await ready(page);
  await page.getByRole('button', { name: 'Watch hall' }).click();
  await plays(page, 'hall');
  await page.goBack();
  await idle();
  assert.equal(await page.locator('article:visible').count(), NAMES.length);
});

test('a picture is saved as a file, and statistics say how old what is seen is', async (t) => {
  const { page } = await open(t, browser, server, '/view/front');
  await plays(page, 'front');
  const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('d')]);
  assert.match(download.suggestedFilename(), /^front \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.jpg$/);
  await page.keyboard.press('s');
  const figure = async (name) => page.locator('.figures div', { hasText: name }).locator('dd').textContent();
  await page.waitForFunction(() => /ms$/.test([...document.querySelectorAll('.figures div')].find((it) => /camera to screen/.test(it.textContent))?.lastChild.textContent));
  assert.match(await figure('Picture'), /^320 × 180, H\.264$/);
  // Here both clocks are one, and the way is short.
  const latency = parseFloat(await figure('From camera to screen'));
  assert.ok(latency >= 0 && latency < 500, `${latency} ms`);
  console.log(`from camera to screen: ${latency} ms`);
});

// Firefox says before it has fetched its plugin that it can, and does not offer it.
for (const says of [false, true]) {
  test(`who cannot play H.264 is told what helps${says ? ', also if it says that it can' : ''}`, async (t) => {
    const context = await browser.newContext();
    t.after(() => context.close());
    await context.addInitScript((says) => {
      const without = (codecs) => codecs.filter(({ mimeType }) => !/h264/i.test(mimeType));
      const getCapabilities = RTCRtpReceiver.getCapabilities.bind(RTCRtpReceiver);
      const offered = (kind) => without(getCapabilities(kind).codecs);
      if (!says) RTCRtpReceiver.getCapabilities = (kind) => ({ ...getCapabilities(kind), codecs: offered(kind) });
      const { addTransceiver } = RTCPeerConnection.prototype;
      RTCPeerConnection.prototype.addTransceiver = function (kind, options) {
        const transceiver = addTransceiver.call(this, kind, options);
        transceiver.setCodecPreferences(offered(kind));
        return transceiver;
      };
    }, says);
    const page = await context.newPage();
    await page.goto(`${server.url}/view/front`);
    await page.getByText('This browser cannot play H.264').waitFor();
  });
}

test('a camera that pans, tilts and zooms has a pad for it, and what it answers is what the sliders show', async (t) => {
  const control = (id, name, more) => ({ id, name, type: 'integer', min: -10, max: 10, step: 1, default: 0, value: 0, menu: [], read_only: false, active: true, ...more });
  const controls = [control('pan_absolute', 'Pan, Absolute'), control('tilt_absolute', 'Tilt, Absolute'), control('zoom_absolute', 'Zoom, Absolute', { min: 100, max: 340, value: 100, default: 100 })];
  const { page } = await open(t, browser, server);
  const asked = [];
  await page.route('**/cameras/front/controls', async (route) => {
    const body = route.request().postDataJSON();
    if (body) asked.push(body);
    for (const [id, value] of Object.entries(body ?? {})) controls.find((it) => it.id === id).value = value;
    await route.fulfill({ json: { controls } });
  });
  await page.goto(`${server.url}/view/front`);
  await page.getByRole('group', { name: 'Pan, tilt and zoom' }).waitFor();
  for (const name of ['Tilt up', 'Pan left', 'Zoom in']) {
    const answered = page.waitForResponse((response) => response.request().method() === 'PUT');
    await page.getByRole('button', { name }).click();
    await answered;
  }
  assert.deepEqual(asked, [{ tilt_absolute: 1 }, { pan_absolute: -1 }, { zoom_absolute: 110 }]);
  // A button that is held goes on until it is let go, wherever that is; then a press is one again. A right one is none.
  const right = page.getByRole('button', { name: 'Pan right' });
  const { x, y } = await right.boundingBox();
  await page.mouse.move(x + 5, y + 5);
  await page.mouse.down();
  while (asked.length < 5) await page.waitForResponse((response) => response.request().method() === 'PUT');
  await page.mouse.move(x - 200, y - 200);
  await page.mouse.up();
  const held = asked.length;
  await page.mouse.move(x + 5, y + 5);
  await page.mouse.down({ button: 'right' });
  await page.waitForTimeout(500);
  await page.mouse.up({ button: 'right' });
  assert.equal(asked.length, held);
  const answered = page.waitForResponse((response) => response.request().method() === 'PUT');
  await right.click();
  await answered;
  assert.equal(asked.length, held + 1);
  await page.getByText('Adjust').click();
  await page.waitForFunction(() => document.querySelectorAll('.controls output')[2].textContent === '110');
  await page.getByRole('button', { name: 'Back to the middle' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.controls output')[2].textContent === '100');
  assert.deepEqual(await violations(page), []);
});
