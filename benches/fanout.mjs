// Many viewers of one camera: what each costs the server, beside the floor of the same minute.
//
// node fanout.mjs [VIEWERS …]. The viewers are str0m's, all in one process, with transport-wide feedback, receiver
// reports and NACK. The camera is a program that plays a clip which was encoded before, so that the encoder takes
// no time from anybody: 1280x720 at 30, 2 Mbit/s, once as `-tune zerolatency` makes it (several slices a frame) and
// once with one slice a frame.

import { spawn, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadavg } from 'node:os';
import { ROOT, Server, toml } from '../tests/browser/support/server.mjs';
import { report } from './table.mjs';

const COUNTS = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10, 50, 200, 500];
// Longer than any of the runs: where ffmpeg begins anew it pauses for two seconds.
const CLIP_SECONDS = 120;
const SECONDS = 10;
const FPS = 30;
const JOINING = 300;
const WATCHING = 50;
const REFUSED = 500;
const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK']));

const tool = (name) => join(ROOT, 'target/release', name);

function clip(name, parameters) {
  const file = join(ROOT, 'target/bench', `clip-${name}.mp4`);
  if (!existsSync(file)) {
    mkdirSync(join(ROOT, 'target/bench'), { recursive: true });
    execFileSync('ffmpeg', ['-y', '-hide_banner', '-loglevel', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30',
      '-t', String(CLIP_SECONDS), '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', ...parameters,
      '-profile:v', 'baseline', '-b:v', '2M', '-maxrate', '2M', '-bufsize', '1M', '-g', '60', `${file}.part.mp4`]);
    renameSync(`${file}.part.mp4`, file);
  }
  const command = `exec ffmpeg -hide_banner -loglevel error -re -i ${file} -c copy -bsf:v h264_mp4toannexb -flush_packets 1 -f h264 -`;
  return { source: `exec:${command}`, bitrate: Math.round(statSync(file).size * 8 / CLIP_SECONDS) };
}

const clips = {
  slices: clip('slices', ['-threads', '2']),
  'one slice': clip('one-slice', ['-x264-params', 'sliced-threads=0']),
};

/** The server's own user and system time in ms, without that of its children. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function memory(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

/** Viewers in a process of their own; what it says is read as it says it. */
function viewers(url, count, { seconds = SECONDS, settle = 2, join = 'all', more = [] } = {}) {
  const child = spawn(tool('viewers'), [`${url}/whep/camera`, '--viewers', count, '--seconds', seconds, '--settle', settle,
    '--join', join, ...more].map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  const heard = new Map();
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line);
    said.at = performance.now();
    heard.set(said.event, said);
    for (const wake of waiting.splice(0)) wake();
  });
  let ended = false;
  child.once('exit', () => { ended = true; for (const wake of waiting.splice(0)) wake(); });
  return async (event, then = () => {}) => {
    while (!heard.has(event)) {
      if (ended) throw new Error(`the viewers ended before "${event}"`);
      await new Promise((wake) => waiting.push(wake));
    }
    then();
    return heard.get(event);
  };
}

const start = (source) => Server.start(toml({
  cameras: [{ id: 'camera', source }], server: 'max_viewers = 2000',
}));

const floor = (count, { bitrate }) => JSON.parse(execFileSync(tool('floor'),
  ['--viewers', count, '--seconds', '5', '--bitrate', bitrate].map(String), { encoding: 'utf8' }));

const of = (seen) => `${seen.p50}/${seen.p99}/${seen.max}`;

async function fanout(name, count) {
  const least = floor(count, clips[name]);
  const server = await start(clips[name].source);
  try {
    const idle = memory(server.pid);
    const hear = viewers(server.url, count, { seconds: count <= 50 ? 20 : SECONDS, join: 100, more: ['--threads', count > 200 ? 2 : 1] });
    let before;
    let after;
    const { at: from } = await hear('counting', () => { before = cpu(server.pid); });
    const { at: to } = await hear('counted', () => { after = { cpu: cpu(server.pid), memory: memory(server.pid) }; });
    const seen = await hear('seen');
    if (seen.failed) console.error(`${seen.failed} of ${count} failed: ${seen.failures[0]}\n${server.log.slice(-2000)}`);
    const fps = (frames) => frames / ((to - from) / 1000);
    // Who is sent less than the camera gives costs less, too: then there is nothing to hold against the floor.
    const whole = fps(seen.frames / count) > 0.98 * FPS;
    const ms = (after.cpu - before) / ((to - from) / 1000 * count);
    const row = {
      what: `${count}, ${name}`, cpu_ms: ms, floor_ms: least.ms_a_viewer_second, ratio: whole ? ms / least.ms_a_viewer_second : null,
      kB: Math.round((after.memory - idle) / count), slope_kB: null, 'packets/s': Math.round(seen.packets / count / ((to - from) / 1000)),
      'frames/s': fps(seen.frames / count), 'fewest frames/s': fps(seen.fewest_frames),
      'worst loss %': seen.worst_loss_percent, 'gap ms p50/p99/max': of(seen.gap_ms), 'connected ms p50/p99/max': of(seen.connected_ms),
      'picture ms p50/p99/max': of(seen.picture_ms), failed: seen.failed, load: loadavg()[0],
    };
    return { row, total: after.memory };
  } finally {
    await server.stop();
  }
}

async function joining() {
  const server = await start(clips.slices.source);
  try {
    const hearOld = viewers(server.url, WATCHING, { seconds: 8 });
    await hearOld('counting');
    const hearNew = viewers(server.url, JOINING, { seconds: 1 });
    const [seen, old] = [await hearNew('seen'), await hearOld('seen')];
    return {
      what: `${JOINING} at once, beside ${WATCHING}`, failed: seen.failed, 'answered ms p50/p99/max': of(seen.answered_ms),
      'connected ms p50/p99/max': of(seen.connected_ms), 'picture ms p50/p99/max': of(seen.picture_ms),
      'longest wait of those who watched, ms p50/p99/max': of(old.gap_ms), 'their worst loss %': old.worst_loss_percent,
    };
  } finally {
    await server.stop();
  }
}

async function refused() {
  const server = await start(clips.slices.source);
  try {
    const offer = readFileSync(join(ROOT, 'tests/support/offer.sdp'), 'utf8').split(/\r?\n/)
      .map((line) => line.replace(/H264\/90000/, 'H265/90000')).join('\r\n');
    const send = async () => {
      const response = await fetch(`${server.url}/whep/camera`, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: offer });
      await response.text();
      if (response.status === 201) throw new Error('an offer without a codec of ours was answered');
      return response.status;
    };
    for (let nth = 0; nth < 20; nth++) await send();
    const before = cpu(server.pid);
    let status;
    for (let nth = 0; nth < REFUSED; nth++) status = await send();
    return { what: `${REFUSED} refused offers (${status})`, cpu_ms: (cpu(server.pid) - before) / REFUSED };
  } finally {
    await server.stop();
  }
}

const rows = [];
for (const name of Object.keys(clips)) {
  const totals = new Map();
  for (const count of COUNTS) {
    const { row, total } = await fanout(name, count);
    totals.set(count, total);
    if (count === 500 && totals.has(200)) row.slope_kB = Math.round((total - totals.get(200)) / 300);
    rows.push(row);
    console.error(row);
  }
}
report('fanout', 'a viewer-second', rows);
const joined = await joining();
console.error(joined);
report('fanout-joining', 'ms', [joined]);
const offers = await refused();
report('fanout-refused', 'ms of CPU an offer', [offers]);
