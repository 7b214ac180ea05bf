// What pages cost that are open while people watch: galleries, and as many readers of /debug beside them.
//
//   gallery [PAGES] [VIEWERS]
//
// Beside the viewers who stay, one comes and goes each second, so that there is something to tell.

import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Crowd } from '../tests/browser/support/crowd.mjs';
import { cpu } from '../tests/browser/support/processes.mjs';
import { ROOT, Server, toml } from '../tests/browser/support/server.mjs';
import { report } from './table.mjs';

const [PAGES = 200, VIEWERS = 50] = process.argv.slice(2).map(Number);
const SECONDS = 20;
const OFFER = readFileSync(join(ROOT, 'tests/support/offer.sdp'), 'utf8');

const cameras = Array.from({ length: 8 }, (_, nth) => ({ id: `camera${nth}`, source: 'test', size: [320, 240] }));
const server = await Server.start(toml({ cameras, server: 'max_viewers = 1000' }));
const rows = [];

/** Somebody who watches another camera for half of each second. */
let going = true;
async function comeAndGo() {
  while (going) {
    const answer = await fetch(`${server.url}/whep/camera1`, { method: 'POST', body: OFFER, headers: { 'Content-Type': 'application/sdp' } });
    await sleep(500);
    await fetch(new URL(answer.headers.get('location'), server.url), { method: 'DELETE' });
    await sleep(500);
  }
}

/** Opens `count` streams of events, and counts what comes. */
function readers(path, count) {
  const counted = { bytes: 0, events: 0 };
  const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
  const requests = Array.from({ length: count }, () => http.get(`${server.url}${path}`, { agent }, (response) => {
    response.on('data', (piece) => {
      counted.bytes += piece.length;
      counted.events += 1;
    }).on('error', () => {});
  }).on('error', () => {}));
  return { counted, close: () => { requests.forEach((request) => request.destroy()); agent.destroy(); } };
}

async function measure(what, path, count) {
  const open = path ? readers(path, count) : null;
  await sleep(2000);
  const [used, bytes, events] = [cpu(server.pid), open?.counted.bytes ?? 0, open?.counted.events ?? 0];
  await sleep(SECONDS * 1000);
  const percent = (cpu(server.pid) - used) / SECONDS / 10;
  rows.push({
    what, '% of a core': percent,
    'kB/s to each': open ? (open.counted.bytes - bytes) / count / SECONDS / 1000 : null,
    'events/s to each': open ? (open.counted.events - events) / count / SECONDS : null,
  });
  console.error(rows.at(-1));
  open?.close();
  await sleep(1000);
  return percent;
}

try {
  const crowd = new Crowd(`${server.url}/whep/camera0`, { viewers: VIEWERS, join: 50, settle: 1, seconds: 600 });
  await crowd.hear('counting');
  const coming = comeAndGo();
  const without = await measure(`${VIEWERS} watch, no page is open`);
  const gallery = await measure(`${PAGES} galleries beside them`, '/streams/events', PAGES);
  const debug = await measure(`${PAGES} readers of /debug beside them`, '/debug/events', PAGES);
  const again = await measure(`${VIEWERS} watch, no page is open, again`);
  const least = (without + again) / 2;
  rows.push({ what: 'for the galleries alone', '% of a core': gallery - least });
  rows.push({ what: 'for the readers of /debug alone', '% of a core': debug - least });
  crowd.kill();
  going = false;
  await coming;
} finally {
  await server.stop();
}
report('gallery', 'as said', rows);
