// Pictures of the pages as people meet them, to be looked at: in target/screens, as PAGE-CAMERAS-WIDTH-SCHEME.png.
//
//   screens [FILTER]
//
// FILTER is a part of the names; without it all are made.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { decoded, instrument, launch } from '../tests/browser/support/browser.mjs';
import { ROOT, Server, toml } from '../tests/browser/support/server.mjs';

const [FILTER = ''] = process.argv.slice(2);
const FOLDER = join(ROOT, 'target/screens');
const SIZES = [[390, 844], [1440, 900], [2560, 1440]];
const SCHEMES = ['dark', 'light'];
const NAMES = ['back-door', 'barn', 'drive', 'front', 'garage', 'garden', 'hall', 'kitchen', 'nursery', 'porch', 'shed', 'workshop'];

mkdirSync(FOLDER, { recursive: true });
const browser = await launch();
let made = 0;

/** Some of the last pictures are older than this script. */
const AGED = () => {
  const parse = JSON.parse;
  JSON.parse = (text) => {
    const read = parse(text);
    const ages = [0, 4, 12, 59, 187, 1500, 4400];
    read?.streams?.forEach?.((stream, nth) => { if (stream.picture_at) stream.picture_at -= ages[nth % ages.length] * 60_000; });
    return read;
  };
};

/** Makes the pictures of a page, at every size and in both schemes. `prepare` brings the page to where it is to be looked at. */
async function screens(server, name, path, prepare = async () => {}, { aged = true, settle = 600 } = {}) {
  for (const [width, height] of SIZES) {
    for (const colorScheme of SCHEMES) {
      const file = `${name}-${width}-${colorScheme}.png`;
      if (!file.includes(FILTER)) continue;
      const context = await browser.newContext({ viewport: { width, height }, colorScheme, hasTouch: width < 500 });
      await instrument(context);
      if (aged) await context.addInitScript(AGED);
      const page = await context.newPage();
      await page.goto(`${server.url}${path}`);
      await prepare(page);
      await page.waitForTimeout(settle);
      await page.screenshot({ path: join(FOLDER, file) });
      made += 1;
      await context.close();
      await server.until(({ peers }) => peers.length === (server.kept ?? 0), 'only those who stay are left');
    }
  }
}

const cards = (count) => (page) => page.locator('article').nth(count - 1).waitFor();

/** Watches all for a moment, so that each has a last picture. */
async function watchAll(server, count) {
  const page = await browser.newPage({ viewport: { width: 2560, height: 1440 } });
  page.on('pageerror', (error) => console.error(error.stack));
  await page.goto(server.url);
  await cards(count)(page);
  for (let nth = 0; nth < count; nth += 1) {
    // One after another: 64 at a time would be more than this machine shows.
    await page.locator('.card .watch').nth(nth).click();
    await page.waitForFunction(() => document.querySelector('#stage lenscap-video')?.state === 'live');
    await page.keyboard.press('Escape');
  }
  await page.waitForFunction((count) => document.querySelectorAll('.last img').length >= Math.min(count, 12), count);
  await page.close();
}

async function withCameras(cameras, act, options = {}) {
  const server = await Server.start(toml({ cameras, server: 'max_viewers = 200', ...options }));
  try {
    await act(server);
  } finally {
    await server.stop();
  }
}

const camera = (id, nth = 0) => ({ id, source: 'test', size: nth % 5 === 3 ? [640, 480] : [1280, 720], fps: 10 });

await withCameras([], (server) => screens(server, 'gallery-0', '/', (page) => page.getByText('No camera yet').waitFor()));

await withCameras([camera('front')], async (server) => {
  await screens(server, 'gallery-1-fresh', '/', cards(1));
  await watchAll(server, 1);
  await screens(server, 'gallery-1', '/', cards(1));
  await screens(server, 'view-1', '/view/front', (page) => decoded(page, 5));
  await screens(server, 'view-1-figures', '/view/front', async (page) => {
    await decoded(page, 5);
    await page.keyboard.press('s');
    await page.getByText(/a second/).waitFor();
    await page.waitForTimeout(2500);
  });
  await screens(server, 'help', '/', async (page) => {
    await cards(1)(page);
    await page.keyboard.press('?');
  });
  await screens(server, 'login', '/login');
});

await withCameras(NAMES.map(camera), async (server) => {
  await watchAll(server, 12);
  await screens(server, 'gallery-12', '/', cards(12));
  await screens(server, 'gallery-12-keyboard', '/', async (page) => {
    await cards(12)(page);
    await page.keyboard.press('4');
  });
  await screens(server, 'stage-12', '/', async (page) => {
    await cards(12)(page);
    await page.locator('.card .watch').nth(3).click();
    await decoded(page, 5);
  });
  await screens(server, 'wall-12', '/', async (page) => {
    await cards(12)(page);
    // On a phone the button is the only way.
    await page.locator('#wall').click();
    await page.waitForFunction(() => [...document.querySelectorAll('lenscap-video')].filter(({ state }) => state === 'live').length >= 3);
    await page.waitForTimeout(1500);
  });
  await screens(server, 'search-12', '/', async (page) => {
    await cards(12)(page);
    await page.locator('#search').fill('ga');
  });
});

await withCameras(Array.from({ length: 64 }, (_, nth) => ({ ...camera(`camera${nth + 1}`, nth), size: [320, 180], fps: 5 })), async (server) => {
  if (![...SIZES].some(([width]) => `gallery-64-${width}-dark wall-64-${width} stage-64-${width}`.includes(FILTER))) return;
  await watchAll(server, 64);
  await screens(server, 'gallery-64', '/', cards(64));
  await screens(server, 'stage-64', '/', async (page) => {
    await cards(64)(page);
    await page.locator('.card .watch').nth(5).click();
    await decoded(page, 3);
  });
  await screens(server, 'wall-64', '/', async (page) => {
    await cards(64)(page);
    await page.locator('#wall').click();
    await page.waitForTimeout(6000);
  });
});

/** Failures of each kind, each with somebody who wants to watch. */
const FAILURES = [
  { id: 'absent', source: 'v4l2:/dev/video97' },
  { id: 'ends', source: 'exec:echo the lens is stuck >&2; exit 3' },
  { id: 'first-of-hub', source: 'test', exclusive_group: 'hub' },
  { id: 'no-video', source: 'exec:yes' },
  { id: 'second-of-hub', source: 'test', exclusive_group: 'hub' },
  { id: 'silent', source: 'exec:sleep 1000', stall_timeout: '2s' },
  { id: 'well', source: 'test' },
];
await withCameras(FAILURES, async (server) => {
  const context = await browser.newContext();
  const viewers = [];
  for (const { id } of FAILURES) {
    const page = await context.newPage();
    await page.goto(`${server.url}/view/${id}`);
    if (id === 'first-of-hub' || id === 'well') await page.waitForFunction(() => document.querySelector('lenscap-video').state === 'live');
    viewers.push(page);
  }
  await server.until(({ cameras }) => cameras.filter(({ last_error: error }) => error).length >= 4, 'they have failed', 30_000);
  server.kept = viewers.length;
  await screens(server, 'failures-7', '/', cards(7));
  server.kept = viewers.length;
  for (const { id } of FAILURES.filter(({ id }) => id !== 'well' && id !== 'first-of-hub')) {
    await screens(server, `view-failure-${id}`, `/view/${id}`, (page) => page.locator('lenscap-video p:not(:empty)').waitFor(), { settle: 2500 });
  }
  await context.close();
});

// The observer over a house where something is always the matter. docs/pictures/observer.png is its dark one, 1440 pixels wide.
const HOUSE = [
  camera('front'), { ...camera('porch'), fps: 30 }, camera('garage'), camera('printer'),
  { id: 'barn', source: 'exec:echo broken >&2; exit 3' }, { id: 'drive', source: 'v4l2:/dev/video97' },
];
await withCameras(HOUSE, async (server) => {
  if (!SCHEMES.some((scheme) => `observer-${scheme} ${SIZES.map(([width]) => `observer-${width}-${scheme}`)}`.includes(FILTER))) return;
  const context = await browser.newContext();
  for (const id of ['front', 'garage', 'porch', 'barn', 'drive']) {
    const page = await context.newPage();
    await page.goto(`${server.url}/view/${id}`);
    if (id !== 'barn' && id !== 'drive') await page.waitForFunction(() => document.querySelector('lenscap-video').state === 'live');
    if (id === 'garage') await page.close();
  }
  server.kept = 4;
  await server.until(({ peers }) => peers.length === server.kept, 'one has left');
  await server.order('root/cameras/porch/stream-porch', 'kill');
  await screens(server, 'observer', '/debug', (page) => page.locator('#ledger tr').nth(1).waitFor(), { aged: false, settle: 8000 });
  await context.close();
});

await browser.close();
console.log(`${made} pictures in ${FOLDER}`);
