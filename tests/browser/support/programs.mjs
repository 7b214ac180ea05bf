// Cameras that are programs, and what becomes of the processes that they start.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from './acts.mjs';
import { ROOT, ffmpegCamera } from './server.mjs';

/** What a browser offers, for viewers that are none. */
export const OFFER = readFileSync(join(ROOT, 'tests/support/offer.sdp'), 'utf8');

/** A key frame: parameters, and a slice that begins a picture. */
const KEYFRAME = Buffer.from([0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0, 0, 1, 0x65, 0x88]);

/** Five kinds of programs, { id: command }, that write a key frame and wait; `ended` counts those of the kind
    `slow` that have ended by themselves, 200 ms after they were told to. */
export function kinds() {
  const folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
  const [clip, script, ended] = ['clip.h264', 'slow.sh', 'ended'].map((name) => join(folder, name));
  writeFileSync(clip, KEYFRAME);
  writeFileSync(ended, '');
  writeFileSync(script, `#!/bin/sh\ntrap 'sleep 0.2; echo by itself >> ${ended}; exit' TERM\ncat ${clip}\nwhile :; do sleep 0.01; done\n`);
  chmodSync(script, 0o755);
  return {
    commands: {
      single: `tail -f ${clip}`,
      pipe: `tail -f ${clip} | cat`,
      slow: script,
      session: `setsid tail -f ${clip}`,
      daemon: `(setsid tail -f ${clip} &) & exit 0`,
    },
    ended: () => readFileSync(ended, 'utf8').split('\n').length - 1,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Everything that descends from a server, except for the process that starts its programs. */
export function descendants(root) {
  const children = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      if (stat.includes('(camera-broker)')) continue;
      children.set(parent, [...(children.get(parent) ?? []), Number(pid)]);
    } catch {
      // It has ended meanwhile.
    }
  }
  const found = [];
  for (const waiting = [root]; waiting.length > 0;) {
    const own = children.get(waiting.pop()) ?? [];
    found.push(...own);
    waiting.push(...own);
  }
  return found;
}

/** Whether a process has not ended; one that is not reaped yet has. */
export function runs(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2)[0]);
  } catch {
    return false;
  }
}

/** Opens a viewer by WHEP; resolves to the path of its beacon when the camera gives pictures. */
export async function watch(server, stream) {
  const response = await fetch(`${server.url}/whep/${stream}`, {
    method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: OFFER,
  });
  if (response.status !== 201) throw new Error(`answered ${response.status}`);
  await server.until(({ cameras }) => cameras.find(({ id }) => id === stream).state === 'capturing', `${stream} gives pictures`);
  return `/peers/${response.headers.get('Location').split('/').at(-1)}/leave`;
}

/** Two cameras of one device: a program that finds the other's lock held ends at once. */
export function exclusivePair(folder) {
  return [['left', '640x360'], ['right', '480x270']].map(([id, size]) => ({
    id, source: `exec:flock -n ${join(folder, 'lock')} ${ffmpegCamera({ size }).replace(/^exec /, '')}`, exclusive_group: 'hub',
  }));
}

/** Switches a page's element; milliseconds until it shows a picture of this width. */
export function switchTo(page, stream, width) {
  return page.evaluate(async ([stream, width]) => {
    const at = performance.now();
    document.querySelector('lenscap-video').setAttribute('stream', stream);
    for (;;) {
      const frame = window.frames.find((frame) => frame.at > at && frame.width === width);
      if (frame) return frame.at - at;
      if (performance.now() - at > 10_000) throw new Error(`no picture of ${stream}`);
      await new Promise((resolve) => { setTimeout(resolve, 2); });
    }
  }, [stream, width]);
}

/** Stops a camera's program as if it hung; milliseconds until the page shows its next picture. */
export async function hang(server, page, stream) {
  const { cameras } = await server.debug();
  for (const { pid } of cameras.find(({ id }) => id === stream).processes) process.kill(pid, 'SIGSTOP');
  // What was under way is shown still.
  await sleep(300);
  const at = await page.evaluate(() => performance.timeOrigin + window.frames.at(-1).at);
  await page.waitForFunction((at) => performance.timeOrigin + window.frames.at(-1).at > at, at, { polling: 5, timeout: 20_000 });
  return (await page.evaluate((at) => performance.timeOrigin + window.frames.find((frame) => performance.timeOrigin + frame.at > at).at, at)) - at;
}

/** What a camera's program takes with nobody between: milliseconds from its start to its first byte, and from
    SIGTERM to its end. */
export async function alone(command) {
  const at = clock();
  const program = spawn(command.replace(/^exec /, ''), { shell: true, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const exit = once(program, 'exit');
  await once(program.stdout, 'data');
  const started = clock() - at;
  await sleep(200);
  const asked = clock();
  process.kill(-program.pid, 'SIGTERM');
  await exit;
  return started + clock() - asked;
}

/** Milliseconds until none of these processes runs. */
export async function untilEnded(pids, patience = 10_000) {
  const start = clock();
  while (pids.some(runs)) {
    if (clock() - start > patience) throw new Error(`still there: ${pids.filter(runs)}`);
    await sleep(1);
  }
  return clock() - start;
}
