// Offers, many a second, that nothing ever follows, while one viewer watches and others come and go.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { usage } from './chaos.mjs';
import { BINARY, ROOT, Server, toml } from './server.mjs';

const OFFER = readFileSync(join(ROOT, 'tests/support/offer.sdp'), 'utf8');
const A_SECOND = 17;
/** A viewer joins so often. */
const JOIN_MS = 2500;

/** A viewer without a screen: { leave, seen }; `seen` resolves to its report. */
function watch(server, ...limits) {
  const child = spawn(BINARY, ['probe', `${server.url}/cam`, '--json', '--patience', '10', ...limits], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part) => { text += part; });
  const seen = once(child, 'close').then(([status]) => ({ status, ...JSON.parse(text) }));
  return { leave: () => child.kill('SIGINT'), seen };
}

/** Offers by WHEP: { status, ms }. */
async function offerByWhep(server) {
  const start = performance.now();
  const response = await fetch(`${server.url}/whep/cam`, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: OFFER });
  await response.text();
  return { status: response.status, ms: performance.now() - start };
}

/** Offers by a WebSocket, which stays open: the connection. */
async function offerByWebSocket(server) {
  const headers = {
    Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
  };
  const [, socket] = await once(request(`${server.url}/ws`, { headers }).end(), 'upgrade');
  const text = Buffer.from(JSON.stringify({ type: 'watch', stream: 'cam', sdp: OFFER }));
  // A whole text message, masked with zeros (RFC 6455, section 5.2).
  const head = Buffer.from([0x81, 0x80 | 126, text.length >> 8, text.length & 0xff, 0, 0, 0, 0]);
  socket.on('error', () => {}).resume().write(Buffer.concat([head, text]));
  return socket;
}

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Lets it happen for so long; gives what was seen. */
export async function halfOpen(seconds) {
  const server = await Server.start(toml({ cameras: [{ id: 'cam', source: 'test', size: [320, 240] }] }));
  const sockets = [];
  try {
    const first = await watch(server, '--frames', '30').seen;
    await server.until(({ peers }) => peers.length === 0);
    const fresh = usage(server.pid);
    const healthy = watch(server, '--seconds', '1000');
    await server.until(({ peers }) => peers[0]?.sent_packets > 60, 'watched');
    const calmFrom = [performance.now(), cpuSeconds(server.pid)];
    await sleep(3000);
    const calmShare = (cpuSeconds(server.pid) - calmFrom[1]) / (performance.now() - calmFrom[0]) * 1000;

    const [start, cpu] = [performance.now(), cpuSeconds(server.pid)];
    const end = start + seconds * 1000;
    const joined = [];
    const joiner = (async () => {
      while (performance.now() < end) {
        await sleep(JOIN_MS);
        joined.push(await watch(server, '--frames', '30').seen);
      }
    })();
    const answers = [];
    let most = 0;
    const observer = (async () => {
      while (performance.now() < end) {
        most = Math.max(most, (await server.debug()).peers.length);
        await sleep(500);
      }
    })();
    let offers = 0;
    for (let next = start; next < end; next += 1000 / A_SECOND, offers++) {
      await sleep(Math.max(0, next - performance.now()));
      if (offers % 2) offerByWebSocket(server).then((socket) => sockets.push(socket));
      else answers.push(offerByWhep(server));
    }
    await Promise.all([joiner, observer]);
    const share = (cpuSeconds(server.pid) - cpu) / (performance.now() - start) * 1000;
    const under = usage(server.pid);
    // Nobody but the viewer, once the last offer is let go.
    await server.until(({ peers }) => peers.length === 1, 'all offers are gone', 20_000);
    const after = usage(server.pid);
    healthy.leave();
    const report = await healthy.seen;
    const calm = await server.until(({ peers, cameras }) => peers.length === 0 && cameras[0].state === 'closed', 'all is closed');
    const settled = () => sockets.every(({ destroyed }) => destroyed) && usage(server.pid).descriptors <= fresh.descriptors + 8;
    for (const deadline = performance.now() + 20_000; !settled() && performance.now() < deadline;) await sleep(100);
    return {
      offers, most, first, healthy: report, joined, answers: await Promise.all(answers), calmShare, share, fresh, under, after,
      idle: usage(server.pid), open: sockets.filter(({ destroyed }) => !destroyed).length,
      causes: calm.releases.map(({ cause }) => cause), log: server.log, status: await server.stop(),
    };
  } finally {
    sockets.forEach((socket) => socket.destroy());
    await server.stop();
  }
}
