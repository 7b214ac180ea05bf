// Cameras that are programs, seen by a viewer.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, openViewer } from './support/browser.mjs';
import { exclusivePair, hang, switchTo } from './support/programs.mjs';
import { Server, ffmpegCamera, toml } from './support/server.mjs';

const STALL_MS = 2000;

let browser;
let folder;
let server;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
  const program = { id: 'pipe', source: `exec:${ffmpegCamera()}`, stall_timeout: `${STALL_MS}ms` };
  server = await Server.start(toml({ cameras: [...exclusivePair(folder), program] }));
  browser = await launch();
});

after(async () => {
  await browser.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const open = (stream) => openViewer(browser, server, stream);

test('between two programs that want one device a viewer switches without a failed try', async () => {
  const { page, close } = await open('left');
  const took = [];
  for (let nth = 0; nth < 10; nth++) {
    took.push(await switchTo(page, ...(nth % 2 ? ['left', 640] : ['right', 480])));
  }
  console.log(`switches: ${took.map((ms) => ms.toFixed(0)).join(' ')} ms`);
  const { cameras } = await server.debug();
  assert.deepEqual(cameras.map(({ id, failures }) => [id, failures]), [['left', 0], ['pipe', 0], ['right', 0]]);
  assert.equal(await page.evaluate(() => window.connections.length), 1, 'over the same connection');
  await close();
});

test('a program that hangs under a viewer is started again, over the same connection', async () => {
  const { page, close } = await open('pipe');
  const away = await hang(server, page, 'pipe');
  console.log(`the picture was away for ${away.toFixed(0)} ms, of which ${STALL_MS} are stall_timeout`);
  assert.ok(away > STALL_MS && away < 2 * STALL_MS, `${away} ms`);
  assert.equal(await page.evaluate(() => window.connections.length), 1);
  const { cameras, exits } = await server.debug();
  assert.equal(cameras.find(({ id }) => id === 'pipe').processes.length, 1, 'of the old one nothing is left');
  assert.ok(exits.some(({ reason }) => /has given no picture for 2 s/.test(reason)));
  await close();
});
