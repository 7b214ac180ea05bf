// What pages cost that are open while people watch: galleries, observers (/debug), and both together.
//
//   gallery [PAGES] [VIEWERS] [OBSERVERS] [CAMERAS]
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

const [PAGES = 50, VIEWERS = 100, OBSERVERS = 5, CAMERAS = 64] = process.argv.slice(2).map(Number);
const SECONDS = 20;
const OFFER = readFileSync(join(ROOT, 'tests/support/offer.sdp'), 'utf8');

const cameras = Array.from({ length: CAMERAS }, (_, nth) => ({ id: `camera${nth}`, source: 'test', size: [320, 240] }));
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

const add = (what, percent, told = { 'kB/s to each': null, 'events/s to each': null }) => rows.push({ what, '% of a core': percent, ...told });

/** What the server uses while so many read each path: [path, count] each. */
async function measure(what, ...open) {
  const all = open.map(([path, count]) => ({ path, count, ...readers(path, count) }));
  await sleep(2000);
  const before = all.map(({ counted }) => ({ ...counted }));
  const used = cpu(server.pid);
  await sleep(SECONDS * 1000);
  const percent = (cpu(server.pid) - used) / SECONDS / 10;
  add(what, percent);
  all.forEach(({ path, count, counted }, nth) => add(`  ${path}`, null, {
    'kB/s to each': (counted.bytes - before[nth].bytes) / count / SECONDS / 1000,
    'events/s to each': (counted.events - before[nth].events) / count / SECONDS,
  }));
  console.error(what, percent);
  all.forEach(({ close }) => close());
  await sleep(1000);
  return percent;
}

try {
  const crowd = new Crowd(`${server.url}/whep/camera0`, { viewers: VIEWERS, join: 50, settle: 1, seconds: 600 });
  await crowd.hear('counting');
  const coming = comeAndGo();
  const galleries = ['/streams/events', PAGES];
  const observers = ['/debug/events', OBSERVERS];
  const without = await measure(`${VIEWERS} watch ${CAMERAS} cameras, no page is open`);
  const gallery = await measure(`${PAGES} galleries beside them`, galleries);
  const observer = await measure(`${OBSERVERS} observers beside them`, observers);
  const both = await measure('both', galleries, observers);
  const again = await measure(`${VIEWERS} watch, no page is open, again`);
  const least = (without + again) / 2;
  add('for the galleries alone', gallery - least);
  add('for the observers alone', observer - least);
  add('for all pages together', both - least);
  crowd.kill();
  going = false;
  await coming;
} finally {
  await server.stop();
}
report('gallery', 'as said', rows);
