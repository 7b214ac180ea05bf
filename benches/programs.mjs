// Cameras that are programs: what is left of them when a leaving is answered, and how fast they are ended, changed
// and found to hang.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clock } from '../tests/browser/support/acts.mjs';
import { launch, openViewer } from '../tests/browser/support/browser.mjs';
import { alone, descendants, exclusivePair, hang, kinds, runs, switchTo, untilEnded, watch } from '../tests/browser/support/programs.mjs';
import { Server, ffmpegCamera, toml } from '../tests/browser/support/server.mjs';
import { figures, report } from './table.mjs';

const LEAVINGS = Number(process.argv[2] ?? 200);
const SWITCHES = Number(process.argv[3] ?? 100);
const HANGS = 5;
const ALONE = 10;
const STALL_MS = 2000;

const rows = [];
const add = (what, series, wrong) => {
  rows.push({ what, ...figures(series), wrong });
  console.error(rows.at(-1));
};

const programs = kinds();
const cameras = Object.entries(programs.commands).map(([id, command]) => ({ id, source: `exec:${command}`, stall_timeout: '60s' }));
{
  const server = await Server.start(toml({ cameras }));
  for (const { id } of cameras) {
    const took = [];
    let alive = 0;
    for (let nth = 0; nth < LEAVINGS; nth++) {
      const leave = await watch(server, id);
      const pids = descendants(server.pid);
      const at = clock();
      const { status } = await fetch(server.url + leave, { method: 'POST' });
      took.push(clock() - at);
      if (status !== 204) throw new Error(`answered ${status}`);
      alive += pids.some(runs);
    }
    add(`${id}: left → 204 (wrong: a process was alive)`, took, alive);
  }
  if (programs.ended() !== LEAVINGS) throw new Error(`${programs.ended()} of ${LEAVINGS} ended by themselves`);
  await server.stop();
}

{
  const took = [];
  for (let run = 0; run < 10; run++) {
    const server = await Server.start(toml({ cameras }));
    for (const { id } of cameras) await watch(server, id);
    const pids = descendants(server.pid);
    process.kill(server.pid, 'SIGKILL');
    took.push(await untilEnded(pids));
    await server.stop();
  }
  add('all five: server killed → no process', took, took.filter((ms) => ms > 200).length);
}
programs.remove();

const browser = await launch();
const folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
const server = await Server.start(toml({
  cameras: [...exclusivePair(folder), { id: 'pipe', source: `exec:${ffmpegCamera()}`, stall_timeout: `${STALL_MS}ms` }],
}));
const open = async (stream) => (await openViewer(browser, server, stream)).page;
// The same programs with nobody between, before and after: what of a switch is theirs, at the speed of these minutes.
const theirs = [];
const measureAlone = async () => {
  for (let nth = 0; nth < ALONE; nth++) theirs.push(await alone(ffmpegCamera({ size: nth % 2 ? '640x360' : '480x270' })));
};
await measureAlone();
{
  const page = await open('left');
  const took = [];
  for (let nth = 0; nth < SWITCHES; nth++) took.push(await switchTo(page, ...(nth % 2 ? ['left', 640] : ['right', 480])));
  const failures = (await server.debug()).cameras.reduce((sum, camera) => sum + camera.failures, 0);
  add('exclusive pair: switch → picture (wrong: failed tries)', took, failures);
  await page.context().close();
}
await measureAlone();
add('ffmpeg alone: its end and its first byte', theirs);
{
  const page = await open('pipe');
  const took = [];
  for (let nth = 0; nth < HANGS; nth++) took.push(await hang(server, page, 'pipe') - STALL_MS);
  const lost = await page.evaluate(() => window.connections.length) - 1;
  add('hangs: picture away beyond stall_timeout (wrong: connections lost)', took, lost);
}
await browser.close();
await server.stop();
rmSync(folder, { recursive: true, force: true });
report('programs', 'ms', rows);
