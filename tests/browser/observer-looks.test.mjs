// How the page at /debug looks, and whether axe finds that somebody cannot use it.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { launch } from './support/browser.mjs';
import { madeUp, open, tell } from './support/observer-page.mjs';
import { ROOT } from './support/server.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SHOTS = join(ROOT, 'target/shots/observer');

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const WORLDS = {
  '1 camera, nobody watches': { cameras: 1 },
  '12 cameras': { cameras: 12, viewers: 20 },
  '12 cameras, with failures': { cameras: 12, viewers: 20, trouble: true },
  '12 cameras, with chaos': { cameras: 12, viewers: 40, chaos: true },
  '64 cameras, 500 viewers': { cameras: 64, viewers: 500, trouble: true, chaos: true },
};

for (const [what, options] of Object.entries(WORLDS)) {
  test(`it looks well, and axe finds nothing: ${what}`, async (t) => {
    mkdirSync(SHOTS, { recursive: true });
    for (const width of [390, 1440, 2560]) {
      for (const colorScheme of ['light', 'dark']) {
        const site = await madeUp(t, options);
        const { page, problems, context } = await open(browser, t, site, { width, height: width === 390 ? 844 : 1100, colorScheme });
        await tell(page, site, 12, 1000, { comings: 0.7 });
        const name = `${what.replaceAll(/[ ,]+/g, '-')}-${width}-${colorScheme}`;
        await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: nothing is wider than the window`);
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).slice(0, 3).join(' | ')}`);
        assert.deepEqual([...problems, ...found], [], name);
        await context.close();
        site.close();
      }
    }
  });
}

test('one actor looks well, and axe finds nothing', async (t) => {
  mkdirSync(SHOTS, { recursive: true });
  for (const [width, colorScheme] of [[390, 'dark'], [1440, 'light']]) {
    const site = await madeUp(t, { cameras: 6, viewers: 14, trouble: true });
    const { page, problems } = await open(browser, t, site, { width, colorScheme, hash: '#root/cameras/front/device' });
    await tell(page, site, 3);
    for (const part of ['detail', 'order']) {
      if (part === 'order') await page.getByRole('button', { name: 'Kill …' }).click();
      await page.screenshot({ path: join(SHOTS, `${part}-${width}-${colorScheme}.png`) });
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => window.axe.run(document));
      assert.deepEqual([...problems, ...violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`)], [], part);
    }
  }
});
