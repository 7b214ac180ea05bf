// A network that loses packets: NACK and RTX bring them back before anybody sees it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decoded, inbound, instrument } from './support/browser.mjs';
import { across } from './support/network.mjs';

const SECONDS = 30;

// Twice of what README.md says: a machine that runs other tests beside this one is not always in time.
for (const [percent, longest] of [[1, 200], [5, 340]]) {
  test(`${percent} % random loss for ${SECONDS} s freezes nothing for over ${longest} ms`, async (t) => {
    const { network, server, browser } = await across(t, { cameras: [{ id: 'demo', source: 'test', size: [640, 360] }] });
    const context = await browser.newContext({ viewport: { width: 640, height: 360 } });
    await instrument(context, { player: true });
    const page = await context.newPage();
    await page.goto(`${server.url}/view/demo`);
    await decoded(page, 30);
    network.lose(percent);
    const from = await page.evaluate(() => performance.now());
    await sleep(SECONDS * 1000);
    const frames = await page.evaluate((start) => window.frames.map(({ at }) => at).filter((at) => at > start), from);
    const stats = await inbound(page);
    const gaps = frames.slice(1).map((at, nth) => at - frames[nth]);
    const worst = Math.max(...gaps);
    console.log({
      percent, frames: frames.length, worst, packetsLost: stats.packetsLost, nackCount: stats.nackCount,
      retransmitted: stats.retransmittedPacketsReceived, pliCount: stats.pliCount, freezeCount: stats.freezeCount,
    });
    assert.ok(stats.nackCount > 0, 'packets were really lost');
    assert.ok(worst <= longest, `${worst} ms without a new picture`);
  });
}
