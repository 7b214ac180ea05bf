// A server that serves the real pages of /debug and tells of a world that is made up: as many cameras and viewers as are wanted, in
// whatever trouble, at a pace of its own. What it tells has the form of the real one's events, which tests/browser/observer.test.mjs checks.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { ROOT } from './server.mjs';

const WEB = join(ROOT, 'src/web');
const KINDS = { '.js': 'text/javascript', '.css': 'text/css', '.html': 'text/html' };
const POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

export const COLUMNS = {
  actors: ['mailbox', 'lanes.orders', 'lanes.traffic', 'handled', 'work.message', 'work.since'],
  threads: ['cpu_ms'],
  streams: ['bitrate_bps', 'limited_to_bps', 'frames', 'left_out'],
  peers: ['rtt_ms', 'suspicion', 'sent_packets', 'lost_packets', 'resent_packets', 'skipped_frames', 'late_frames', 'refused_packets',
    'link.arrives_bps', 'link.carries_bps', 'link.stream_bps', 'link.queue_ms'],
};
const KEYS = { actors: 'path', threads: 'id', exits: 'nth', cameras: 'id', streams: 'id', peers: 'id', releases: 'nth', verdicts: 'nth' };

/** Numbers that look random and are the same for the same seed. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A world. `trouble`: some cameras fail, some viewers are suspect. `chaos`: actors die all the time. */
export class World {
  at;
  cameras = [];
  streams = [];
  peers = [];
  exits = [];
  releases = [];
  verdicts = [];
  actors = [];
  threads = [];
  #random;
  #began;
  #options;
  #peers = 0;
  #records = { exits: 0, releases: 0, verdicts: 0 };
  #causes = new Map();
  #suspicions = 0;

  constructor({ cameras = 1, viewers = 0, trouble = false, chaos = false, seed = 1, at = Date.UTC(2026, 4, 12, 9, 30) } = {}) {
    this.#options = { trouble, chaos };
    this.#random = random(seed);
    this.at = at;
    this.#began = at - 7_384_000;
    for (let nth = 0; nth < cameras; nth += 1) this.#camera(nth);
    const budget = () => ({ spent: 0, restarts: 10, period_ms: 60_000 });
    const supervisor = (path, strategy, restart = 'permanent') => this.#actor(path, { kind: 'supervisor', restart, strategy, budget: budget() });
    supervisor('root', 'one_for_one', undefined);
    supervisor('root/cameras', 'simple_one_for_one');
    for (const { id } of this.cameras) {
      supervisor(`root/cameras/${id}`, 'rest_for_one', 'transient');
      this.#actor(`root/cameras/${id}/device`);
      this.#actor(`root/cameras/${id}/stream-${id}`);
      this.#actor(`root/cameras/${id}/stream-${id}~small`);
    }
    supervisor('root/media', 'one_for_one');
    for (const nth of [0, 1]) this.#actor(`root/media/thread-${nth}`);
    supervisor('root/peers', 'simple_one_for_one');
    const names = ['lenscap', 'cameras', 'media', 'media', 'http', 'http', 'udp', ...this.cameras.slice(0, 20).flatMap(({ id }) => [`capture ${id}`.slice(0, 15), `encode ${id}`.slice(0, 15)])];
    names.forEach((name, nth) => this.threads.push({ id: String(4100 + nth), name, cpu_ms: 1000 + nth }));
    for (let nth = 0; nth < viewers; nth += 1) this.#come();
    for (let nth = 0; nth < 40 && viewers > 0; nth += 1) {
      this.at += 4000;
      this.#go(this.#some(this.peers));
      this.#come();
    }
    if (trouble) this.#spoil();
    this.#settle();
  }

  #some(list) {
    return list[Math.floor(this.#random() * list.length)];
  }

  #camera(nth) {
    const id = ['front', 'porch', 'garden', 'garage', 'hall', 'attic', 'gate', 'yard'][nth] ?? `cam-${nth + 1}`;
    const program = nth % 4 === 3;
    this.cameras.push({
      id, source: program ? 'exec:rpicam-vid -t 0 --inline --codec h264 -o -' : nth % 4 === 2 ? 'test' : `v4l2:/dev/v4l/by-id/usb-046d_C270-${nth}`,
      state: 'closed', device: null, format: null, fps: null, opened_at: null, last_error: null, opens: Math.floor(this.#random() * 40), failures: 0, left_out: 0, processes: [],
    });
    for (const rendition of ['full', 'small']) {
      this.streams.push({
        id: rendition === 'full' ? id : `${id}~small`, camera: id, known_as: id, rendition, state: 'idle', subscribers: [], codec: 'H264',
        bitrate_bps: 0, limited_to_bps: null, frames: 0, left_out: 0, last_error: null, viewers: 0,
      });
    }
  }

  #actor(path, more = {}) {
    this.actors.push({
      path, kind: 'worker', restart: 'permanent', state: 'running', restarts: 0, last_exit: null, since: this.#began,
      mailbox: 0, lanes: { orders: 0, traffic: 0 }, handled: 0, work: null, ...more,
    });
  }

  #come() {
    this.#peers += 1;
    const id = `peer-${this.#peers}`;
    const stream = this.#some(this.streams.filter(({ rendition }) => rendition === 'full'));
    this.peers.push({
      id, stream: stream.id, rendition: 'full', state: 'watching', transport: this.#random() < 0.8 ? 'ws' : 'whep',
      remote: `192.0.2.${1 + Math.floor(this.#random() * 250)}:${40000 + this.#peers}`, rtt_ms: 2 + Math.floor(this.#random() * 400) / 10, suspicion: 20,
      sent_packets: 0, lost_packets: 0, resent_packets: 0, skipped_frames: 0, late_frames: 0, refused_packets: 0,
      link: { arrives_bps: 2_000_000, carries_bps: null, stream_bps: 2_000_000, queue_ms: 0.2 },
    });
    this.#actor(`root/peers/${id}`, { restart: 'temporary', since: this.at });
  }

  #go(peer) {
    if (!peer) return;
    const cause = this.#some(['beacon', 'beacon', 'beacon', 'ws_closed', 'ws_closed', 'close_notify', 'bye', 'suspected', 'silence', 'port_unreachable']);
    this.peers.splice(this.peers.indexOf(peer), 1);
    const slow = { suspected: 380, silence: 3200, port_unreachable: 60 }[cause] ?? 15;
    const detected = slow * (0.6 + this.#random());
    const closed = this.#random() < 0.7 ? 4 + this.#random() ** 3 * 300 : null;
    const camera = this.streams.find(({ id }) => id === peer.stream).camera;
    const add = (list, keep, record) => {
      this[list].push({ ...record, nth: this.#records[list] });
      this.#records[list] += 1;
      while (this[list].length > keep) this[list].shift();
    };
    if (cause !== 'silence') add('releases', 256, { at: this.at, stream: peer.stream, camera, peer: peer.id, cause, detected_ms: detected, stop_ms: closed === null ? null : Math.min(closed, this.#random() ** 4 * 60), closed_ms: closed });
    else this.#suspicions += 1;
    add('verdicts', 256, { at: this.at, peer: peer.id, cause: cause === 'suspected' ? 'silence' : cause, silence_ms: detected, returned_ms: this.#random() < 0.03 ? 2100 : null });
    this.#died(`root/peers/${peer.id}`, 'normal');
    const known = this.#causes.get(cause) ?? { silence: [], release: [] };
    known.silence.push(detected);
    if (closed !== null) known.release.push(closed);
    this.#causes.set(cause, known);
  }

  #died(path, reason) {
    this.exits.push({ nth: this.#records.exits, at: this.at, path, reason });
    this.#records.exits += 1;
    const actor = this.actors.find((it) => it.path === path);
    if (actor.restart === 'temporary') {
      this.actors = this.actors.filter((it) => it !== actor);
      return;
    }
    Object.assign(actor, { restarts: actor.restarts + 1, since: this.at, handled: 0, last_exit: { at: this.at, reason } });
    const parent = this.actors.find((it) => it.path === path.slice(0, path.lastIndexOf('/')));
    parent.budget.spent = Math.min(10, parent.budget.spent + 1);
  }

  #spoil() {
    const errors = ['the program ended (exit status: 3); it said: no camera here', 'The camera is in use by pid 812 (ffmpeg)', 'no pictures for 5 s: it has stalled', '/dev/v4l/by-id/usb-046d_C270-9 is not plugged in'];
    const states = ['backoff', 'failed', 'backoff', 'absent'];
    this.cameras.forEach((camera, nth) => {
      if (nth % 3 !== 1) return;
      const kind = Math.floor(nth / 3) % 4;
      Object.assign(camera, { state: states[kind], last_error: errors[kind], failures: 3 + nth, spoiled: undefined });
      this.#broken.add(camera.id);
      if (states[kind] === 'failed') {
        const actor = this.actors.find(({ path }) => path === `root/cameras/${camera.id}`);
        Object.assign(actor, { state: 'failed', since: null, last_exit: { at: this.at - 20_000, reason: 'restarted too often; the last was error: the device vanished' } });
        this.actors = this.actors.filter(({ path }) => !path.startsWith(`${actor.path}/`));
      }
    });
    this.peers.forEach((peer, nth) => {
      if (nth % 9 === 4) Object.assign(peer, { state: 'suspect', suspicion: 640 });
      if (nth % 17 === 8) Object.assign(peer, { state: 'away', suspicion: 5200 });
      if (nth % 7 === 3) Object.assign(peer, { rendition: 'small', late_frames: 30, lost_packets: 400, link: { ...peer.link, carries_bps: 600_000, queue_ms: 180 } });
    });
    const busy = this.actors.find(({ path }) => path === 'root/media/thread-1');
    Object.assign(busy, { lanes: { orders: 1, traffic: 212 }, mailbox: 213, work: { message: 'Deliver', since: this.at - 840 } });
  }

  #broken = new Set();

  /** States that follow from who watches. */
  #settle() {
    for (const stream of this.streams) {
      stream.subscribers = this.peers.filter((it) => it.stream === stream.known_as && it.rendition === stream.rendition && it.state === 'watching').map(({ id }) => id);
      const broken = this.#broken.has(stream.camera);
      stream.state = stream.subscribers.length === 0 ? 'idle' : broken ? 'backoff' : 'live';
      stream.viewers = this.peers.filter((it) => it.stream === stream.known_as).length;
    }
    for (const camera of this.cameras) {
      if (this.#broken.has(camera.id)) continue;
      const open = this.streams.some((stream) => stream.camera === camera.id && stream.state === 'live');
      if (open === (camera.state === 'capturing')) continue;
      const program = camera.source.startsWith('exec:');
      Object.assign(camera, open
        ? { state: 'capturing', device: program ? 'pid 4711' : '/dev/video0', format: program ? 'H264' : 'MJPG 1280x720', fps: 30, opened_at: this.at, opens: camera.opens + 1, processes: program ? [{ pid: 4711, name: 'rpicam-vid' }] : [] }
        : { state: 'closed', processes: [] });
    }
  }

  /** A while goes by, ms: counters grow, some come and go. */
  step(ms = 1000, { comings = 0.3 } = {}) {
    this.at += ms;
    for (const actor of this.actors) {
      actor.handled += Math.floor(this.#random() * 60 * ms / 1000);
      if (actor.path.endsWith('thread-0')) actor.lanes = { orders: 0, traffic: Math.floor(this.#random() * 6) };
      actor.mailbox = actor.lanes.orders + actor.lanes.traffic;
    }
    for (const stream of this.streams) {
      if (stream.state !== 'live') continue;
      stream.frames += Math.round(30 * ms / 1000);
      stream.bitrate_bps = 1_800_000 + Math.floor(this.#random() * 500_000);
    }
    for (const peer of this.peers) {
      if (peer.state === 'watching') peer.suspicion = Math.round(this.#random() * 900) / 10;
      else peer.suspicion += ms;
      peer.sent_packets += Math.floor(200 * ms / 1000);
      peer.rtt_ms = Math.round(peer.rtt_ms * 10 + this.#random() * 6 - 3) / 10;
      peer.link = { ...peer.link, arrives_bps: 1_900_000 + Math.floor(this.#random() * 300_000) };
    }
    for (const thread of this.threads) thread.cpu_ms = Math.round((thread.cpu_ms + this.#random() * (thread.name === 'media' ? 500 : 60) * ms / 1000) * 10) / 10;
    if (this.#random() < comings) this.#go(this.#some(this.peers));
    if (this.#random() < comings && this.peers.length > 0) this.#come();
    if (this.#options.chaos) {
      const worker = this.#some(this.actors.filter(({ kind, path }) => kind === 'worker' && path.split('/').length > 2));
      const [, branch, name] = worker.path.split('/');
      if (branch === 'peers') this.#go(this.peers.find(({ id }) => id === name));
      else this.#died(worker.path, this.#some(['killed', 'killed', 'panic: index out of bounds', 'error: the device vanished']));
    }
    this.exits = this.exits.filter(({ at }) => this.at - at < 60_000);
    this.#settle();
    return this;
  }

  /** As /debug says it, with what is needed to begin from here. */
  report() {
    const known = new Map();
    const nodes = structuredClone(this.actors).map((actor) => {
      const node = { ...actor, uptime_ms: actor.since === null ? null : this.at - actor.since, children: [] };
      if (node.work) node.work.since_ms = this.at - node.work.since;
      known.set(actor.path, node);
      known.get(actor.path.slice(0, Math.max(0, actor.path.lastIndexOf('/'))))?.children.push(node);
      return node;
    });
    const { threads, exits, cameras, streams, peers, releases, verdicts } = structuredClone(this);
    return JSON.parse(JSON.stringify({
      version: '0.2.0', at: this.at, uptime_ms: this.at - this.#began, allow_kill: true, tree: nodes[0], threads, exits, cameras, streams,
      peers: peers.toSorted((a, b) => (a.id < b.id ? -1 : 1)), releases, verdicts, departures: this.#departures(), columns: COLUMNS,
    }));
  }

  #departures() {
    const summary = (times) => {
      const sorted = times.toSorted((a, b) => a - b);
      const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
      return { count: times.length, median_ms: at(0.5), p95_ms: at(0.95), max_ms: at(1) };
    };
    return {
      causes: [...this.#causes].map(([cause, { silence, release }]) => ({ cause, count: silence.length, release: summary(release), silence: summary(silence) })),
      suspicions: this.#suspicions + 4, suspicions_withdrawn: 3, picture_away: summary([420, 510, 800]), aways: 2, aways_back: 1, probes: 96, returns_within_10s: 1,
    };
  }
}

/** The actors of a report one after the other, without what follows from other fields. */
function flat(node) {
  const { children, uptime_ms: _, ...own } = node;
  if (own.work) own.work = { message: own.work.message, since: own.work.since };
  return [own, ...children.flatMap(flat)];
}

/** What has changed from one report to the next, in the form that the server tells it. */
export function changes(before, now) {
  const told = { at: now.at, uptime_ms: now.uptime_ms };
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  for (const [table, key] of Object.entries(KEYS)) {
    const list = (report) => new Map((table === 'actors' ? flat(report.tree) : report[table]).map((thing) => [String(thing[key]), thing]));
    const [had, has] = [list(before), list(now)];
    const columns = COLUMNS[table] ?? [];
    const counted = new Set(columns.map((column) => column.split('.')[0]));
    const row = (thing) => columns.map((column) => column.split('.').reduce((it, name) => it?.[name], thing) ?? null);
    const change = { gone: [...had.keys()].filter((name) => !has.has(name)), set: {}, counts: {} };
    for (const [name, thing] of has) {
      const old = had.get(name);
      const fields = Object.fromEntries(Object.entries(thing).filter(([field, value]) => !counted.has(field) && !(old && same(old[field], value))));
      if (!old || Object.keys(fields).length > 0) change.set[name] = fields;
      if (columns.length > 0 && !(old && same(row(old), row(thing)))) change.counts[name] = row(thing);
    }
    for (const part of ['gone', 'set', 'counts']) if (Object.keys(change[part]).length === 0) delete change[part];
    if (Object.keys(change).length > 0) told[table] = change;
  }
  if (!same(before.departures, now.departures)) told.departures = now.departures;
  return told;
}

/** Serves the pages and the world: { url, tell(kind, data), step(), close() }. Orders to actors are noted in `orders`. */
export async function serve(world) {
  const followers = new Set();
  const orders = [];
  let known = world.report();
  const event = (kind, data) => `event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://x');
    if (pathname === '/debug/events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(event('report', known));
      followers.add(response);
      request.on('close', () => followers.delete(response));
      return;
    }
    if (request.method === 'POST') {
      orders.push(pathname);
      response.writeHead(204).end();
      return;
    }
    try {
      const file = pathname === '/debug' ? '/debug.html' : pathname;
      const body = readFileSync(join(WEB, file));
      response.writeHead(200, { 'Content-Type': KINDS[extname(file)] ?? 'text/plain', 'Content-Security-Policy': POLICY }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const tell = (kind, data) => followers.forEach((follower) => follower.write(event(kind, data)));
  const beats = setInterval(() => tell('beat', {}), 1000);
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    orders, tell,
    get followers() { return followers.size; },
    /** What time it is. */
    get now() { return { at: known.at, uptime_ms: known.uptime_ms }; },
    /** Lets a while go by, and tells what has changed. */
    step(...args) {
      const now = world.step(...args).report();
      tell('changes', changes(known, now));
      known = now;
    },
    close: () => { clearInterval(beats); server.closeAllConnections(); server.close(); },
  };
}
