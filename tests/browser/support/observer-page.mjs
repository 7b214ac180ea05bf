// The page at /debug in a browser, of a world that is made up.

import { serve, World } from './observer.mjs';
import { watchShifts } from './pages.mjs';

/** Opens the page of a site: { page, problems, context }. What it says of errors is noted. */
export async function open(browser, t, site, { width = 1440, height = 900, colorScheme = 'light', hash = '', lists = null } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, permissions: ['clipboard-read', 'clipboard-write'] });
  t.after(() => context.close());
  await watchShifts(context, lists);
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.stack));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(`${site.url}/debug${hash}`);
  await page.locator('.figures b').first().waitFor();
  return { page, problems, context };
}

export async function madeUp(t, options) {
  const site = await serve(new World(options));
  t.after(() => site.close());
  return site;
}

/** Two frames later what was told is drawn. */
export const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

export async function tell(page, site, steps, ...args) {
  for (let nth = 0; nth < steps; nth += 1) {
    const at = await page.evaluate(() => document.querySelector('.timeline output').textContent);
    site.step(...args);
    await page.waitForFunction((before) => document.querySelector('.timeline output').textContent !== before, at);
  }
  await drawn(page);
}

/** What the page's functions took before each frame was drawn, and to draw it, in ms of the processor, the shortest first. */
function frames(trace) {
  const calls = trace.filter(({ ph, name, tdur }) => ph === 'X' && name === 'FunctionCall' && tdur > 0).sort((a, b) => a.ts - b.ts);
  const drawings = trace.filter(({ ph, name }) => ph === 'X' && name === 'FireAnimationFrame').sort((a, b) => a.ts - b.ts);
  const sums = drawings.map(({ ts, dur }, nth) => {
    const from = nth > 0 ? drawings[nth - 1].ts + drawings[nth - 1].dur : 0;
    return calls.filter((call) => call.ts >= from && call.ts <= ts + dur).reduce((sum, { tdur }) => sum + tdur / 1000, 0);
  });
  return sums.filter((ms) => ms > 1).sort((a, b) => a - b);
}

/** Does something: { result, spent }, of which the latter is what `frames` says. The processor's time, for others are at work on a machine, too. */
async function traced(browser, what) {
  await browser.startTracing(null, { categories: ['devtools.timeline'] });
  const result = await what();
  return { result, spent: frames(JSON.parse((await browser.stopTracing()).toString()).traceEvents) };
}

/** 64 cameras and 500 viewers, and two minutes of what they do: what each frame cost while the page was opened (`first`), and then (`spent`). */
export async function fullHouse(browser, t) {
  const site = await madeUp(t, { cameras: 64, viewers: 500, trouble: true });
  const { result: { page, problems }, spent: first } = await traced(browser, () => open(browser, t, site));
  await tell(page, site, 5, 2000, { comings: 1 });
  const { spent } = await traced(browser, () => tell(page, site, 60, 2000, { comings: 1 }));
  return { site, page, problems, first, spent };
}
