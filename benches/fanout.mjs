// Many viewers of one camera: what each costs the server, beside the floor of the same minute.
//
// node fanout.mjs [VIEWERS …]. The viewers are str0m's, all in one process, with transport-wide feedback, receiver
// reports and NACK. The camera is a program that plays a clip which was encoded before, so that the encoder takes
// no time from anybody: 1280x720 at 30, 2 Mbit/s, once as `-tune zerolatency` makes it (several slices a frame) and
// once with one slice a frame.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadavg } from 'node:os';
import { clip } from '../tests/browser/support/clip.mjs';
import { Crowd } from '../tests/browser/support/crowd.mjs';
import { cpu } from '../tests/browser/support/processes.mjs';
import { ROOT, Server, toml } from '../tests/browser/support/server.mjs';
import { report } from './table.mjs';

const COUNTS = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10, 50, 200, 500];
const SECONDS = 10;
const FPS = 30;
const JOINING = 300;
const WATCHING = 50;
const REFUSED = 500;

const tool = (name) => join(ROOT, 'target/release', name);

const clips = {
  slices: clip('slices', ['-threads', '2']),
  'one slice': clip('one-slice', ['-x264-params', 'sliced-threads=0']),
};

function memory(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

const viewers = (url, count, { seconds = SECONDS, settle = 2, join = 'all', more = {} } = {}) =>
  new Crowd(`${url}/whep/camera`, { viewers: count, seconds, settle, join, ...more });

const start = (source) => Server.start(toml({
  cameras: [{ id: 'camera', source }], server: 'max_viewers = 2000', limits: 'offers_per_second = 100000',
}));

const floor = (count, { bitrate }) => JSON.parse(execFileSync(tool('floor'),
  ['--viewers', count, '--seconds', '5', '--bitrate', bitrate].map(String), { encoding: 'utf8' }));

const of = (seen) => `${seen.p50}/${seen.p99}/${seen.max}`;

async function fanout(name, count) {
  const least = floor(count, clips[name]);
  const server = await start(clips[name].source);
  try {
    const idle = memory(server.pid);
    const crowd = viewers(server.url, count, { seconds: count <= 50 ? 20 : SECONDS, join: 100, more: { threads: count > 200 ? 2 : 1 } });
    let before;
    let after;
    const { at: from } = await crowd.hear('counting', { then: () => { before = cpu(server.pid); } });
    const { at: to } = await crowd.hear('counted', { then: () => { after = { cpu: cpu(server.pid), memory: memory(server.pid) }; } });
    const seen = await crowd.hear('seen');
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
    const watching = viewers(server.url, WATCHING, { seconds: 8 });
    await watching.hear('counting');
    const joiners = viewers(server.url, JOINING, { seconds: 1 });
    const [seen, old] = [await joiners.hear('seen'), await watching.hear('seen')];
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
