// The same foreign streams as `joins-foreign`, joined by Chromium: what a browser's own buffers make of a replay.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstFrame, instrument, launch } from '../../tests/browser/support/browser.mjs';
import { camera, CUT_MS, LINK } from './foreign.mjs';
import { freeze } from './seen.mjs';
import { sleep, Stage } from './stage.mjs';

const JOINS = 20;
/** The clip is not long enough for more. */
const JOINS_AT_A_TIME = 10;
const CUTS = 5;
/** So long after its first picture each is looked at: a replay's end, and what the browser makes of it. */
const STAY_S = 4;
const SOON_MS = 400;

/** @param add takes what was measured and its series */
export async function chromium(add) {
  for (const gop of [240, 600]) {
    const apart = gop / 30;
    const what = `joins-chromium, ${apart} s between keyframes`;
    const joined = [];
    const beside = [];
    while (joined.length < JOINS) {
      await Stage.run(camera(gop), { joiners: LINK, beside: { kind: 'wide' } }, async (stage) => {
        const { joins, bystander } = await joining(stage, apart, Math.min(JOINS - joined.length, JOINS_AT_A_TIME));
        joined.push(...joins);
        beside.push(bystander);
      });
    }
    const first = joined.map((one) => one.first);
    add(`${what}: first picture within ${SOON_MS} ms`, first.filter((ms) => ms <= SOON_MS));
    add(`${what}: first picture at the next keyframe, ms`, first.filter((ms) => !(ms <= SOON_MS)));
    add(`${what}: freeze after it, ms`, joined.map((one) => one.freeze));
    add(`${what}: bystander's freeze, ms`, beside);
    const healed = await Stage.run(camera(gop), { joiners: LINK }, (stage) => cuts(stage, apart));
    add(`${what}: healed after ${CUT_MS} ms → next frame, ms`, healed);
  }
}

/** A browser in the group's namespace, for as long as `act` takes. */
async function browse(stage, act) {
  const folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
  const executable = join(folder, 'chromium');
  writeFileSync(executable, `#!/bin/sh\nexec ${stage.links.inside('joiners').join(' ')} /usr/bin/chromium "$@"\n`);
  chmodSync(executable, 0o755);
  const browser = await launch({ executable });
  try {
    return await act(browser);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true });
  }
}

/** A page that watches from `moment` on; `first` is how long its first picture took, in ms. */
async function watch(browser, stage, patience, moment = Date.now()) {
  const context = await browser.newContext({ viewport: { width: 640, height: 360 } });
  await instrument(context, { player: true });
  const page = await context.newPage();
  await page.goto(`${stage.server.url}/`);
  await page.waitForFunction(() => customElements.get('lenscap-video'));
  await sleep(Math.max(0, moment - Date.now()));
  await page.evaluate(() => {
    const viewer = document.createElement('lenscap-video');
    viewer.setAttribute('stream', 'camera');
    document.body.replaceChildren(viewer);
  });
  const first = await firstFrame(page, patience).catch(() => NaN);
  // As in what str0m's viewers tell: [ms since 1970, age].
  const frames = () => page.evaluate(() => window.frames.map(({ at }) => [performance.timeOrigin + at, null]));
  return { first, frames, close: () => context.close() };
}

async function joining(stage, apart, count) {
  const bystander = stage.watch('beside', { settle: 0, seconds: 150, patience: 60 });
  await bystander.hear('counting', { patience: 60_000 });
  const from = Date.now();
  const joins = await browse(stage, async (browser) => {
    const seen = [];
    let keyframe;
    for (let nth = 0; nth < count && Date.now() < from + 140_000; nth++) {
      // Every other one right after a keyframe, where there is little of the past.
      const soon = nth % 2 === 1;
      const ready = Date.now() + 1000;
      const next = keyframe + Math.ceil((ready - keyframe) / 1000 / apart) * apart * 1000;
      const moment = soon ? next + 50 + Math.random() * 300 : ready + Math.random() * 2000;
      const viewer = await watch(browser, stage, (apart + 5) * 1000, moment);
      await sleep(STAY_S * 1000);
      const frames = await viewer.frames();
      if (!soon) keyframe = frames[0]?.[0] ?? NaN;
      seen.push({ first: viewer.first, freeze: freeze(frames, 0, Date.now()) });
      await viewer.close();
    }
    return seen;
  });
  const to = Math.min(Date.now(), from + 145_000);
  const [watching] = await bystander.each(200_000);
  return { joins, bystander: freeze(watching.frames, from, to) };
}

function cuts(stage, apart) {
  return browse(stage, async (browser) => {
    const viewer = await watch(browser, stage, (apart + 5) * 1000);
    const healed = [];
    for (let cut = 0; cut < CUTS; cut++) {
      await sleep(6000 + Math.random() * 2000);
      stage.links.lose('joiners', 100);
      await sleep(CUT_MS);
      stage.links.heal('joiners');
      healed.push(Date.now());
    }
    await sleep(apart * 1000 + 2000);
    const frames = await viewer.frames();
    return healed.map((moment) => (frames.find(([at]) => at > moment)?.[0] ?? NaN) - moment);
  });
}
