// A bad link between a browser and the server: a relay that loses, delays and reorders UDP, in user space,
// because not every kernel has netem.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decoded, instrument, launch } from './browser.mjs';
import { Server, toml } from './server.mjs';

const HOST = '127.0.0.1';

/** Whether a datagram is a STUN Binding request (RFC 8489, section 5). */
const asks = (datagram) => datagram.length >= 20 && datagram[0] === 0 && datagram[1] === 1;

export class Link {
  /** Per direction, seen from the browser: loss in percent, delay and jitter in ms, and whether all is lost. */
  up = { loss: 0, delay: 0, jitter: 0, cut: false };
  down = { loss: 0, delay: 0, jitter: 0, cut: false };
  /** What was sent each way, what of it was lost or overtaken, and how often the server asked (for ICE or for itself). */
  count = { up: 0, down: 0, lostUp: 0, lostDown: 0, overtakenUp: 0, overtakenDown: 0, asked: 0 };
  #front = createSocket('udp4');
  #upstream = new Map();
  #forgotten = [];
  #timers = new Set();
  #latest = { Up: 0, Down: 0 };
  /** The ways that a stall has closed, and what it holds up. */
  #stalled = [];
  #held = [];

  /** A link to the server, ready to be used by contexts that are led `through` it. */
  static async to(server) {
    const link = new Link();
    link.server = Number(/:(\d+)$/.exec(server.udp)[1]);
    link.#front.on('message', async (datagram, { port }) => {
      const upstream = await link.#upstreamOf(port);
      link.#carry('Up', link.up, () => upstream.send(datagram));
    });
    link.#front.bind(0, HOST);
    await once(link.#front, 'listening');
    link.port = link.#front.address().port;
    return link;
  }

  /** Sets the same for both directions. */
  both(quality) {
    Object.assign(this.up, quality);
    Object.assign(this.down, quality);
  }

  /** Has the pages of a context send their media here: the answers they get name this relay alone. */
  through(context) {
    return context.addInitScript(([server, relay]) => {
      const native = RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
        const led = sdp.replaceAll(new RegExp(`^(a=candidate:.* )${server}( typ host)`, 'gm'), `$1${relay}$2`);
        if (led === sdp) throw new Error(`no candidate with port ${server}: ${sdp}`);
        return native.call(this, { type, sdp: led });
      };
    }, [this.server, this.port]);
  }

  /** Holds up whatever is sent on these ways, until `release` lets go of all of it in order. */
  stall(...ways) {
    this.#stalled = ways;
  }

  release() {
    this.#stalled = [];
    for (const deliver of this.#held.splice(0)) deliver();
  }

  /** A router on the way forgets what it knew: what is sent comes from other ports from now on, and the old ones lead nowhere. */
  async remap() {
    const former = await Promise.all(this.#upstream.values());
    for (const socket of former) socket.removeAllListeners('message');
    this.#forgotten.push(...former);
    this.#upstream.clear();
  }

  async close() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#front.close();
    for (const socket of [...await Promise.all(this.#upstream.values()), ...this.#forgotten]) socket.close();
  }

  /** The socket that stands for a port of the browser's. */
  #upstreamOf(port) {
    if (!this.#upstream.has(port)) this.#upstream.set(port, this.#open(port));
    return this.#upstream.get(port);
  }

  async #open(port) {
    const socket = createSocket('udp4');
    socket.connect(this.server, HOST);
    await once(socket, 'connect');
    socket.on('message', (datagram) => {
      if (asks(datagram)) this.count.asked++;
      this.#carry('Down', this.down, () => this.#front.send(datagram, port, HOST));
    });
    // Who has ended is refused: that is the server's or the browser's affair.
    socket.on('error', () => {});
    return socket;
  }

  /** Delivers after a while, or loses. */
  #carry(way, { loss, delay, jitter, cut }, deliver) {
    this.count[way.toLowerCase()]++;
    if (cut || Math.random() * 100 < loss) {
      this.count[`lost${way}`]++;
      return;
    }
    if (this.#stalled.includes(way)) {
      this.#held.push(deliver);
      return;
    }
    const wait = delay + Math.random() * jitter;
    const due = performance.now() + wait;
    if (due < this.#latest[way]) this.count[`overtaken${way}`]++;
    this.#latest[way] = Math.max(this.#latest[way], due);
    if (wait === 0) {
      deliver();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      deliver();
    }, wait);
    this.#timers.add(timer);
  }
}

/** A viewer of a small test picture behind such a link, until `end` is called. */
export async function watchOver(camera = {}) {
  const server = await Server.start(toml({ cameras: [{ id: 'demo', source: 'test', size: [320, 240], ...camera }] }));
  const browser = await launch();
  const link = await Link.to(server);
  const end = async () => {
    await browser.close();
    await link.close();
    await server.stop();
  };
  try {
    const context = await browser.newContext({ viewport: { width: 480, height: 270 } });
    await instrument(context, { player: true });
    await link.through(context);
    const page = await context.newPage();
    await page.goto(`${server.url}/view/demo`);
    await decoded(page, 30);
    return { server, link, page, end };
  } catch (error) {
    await end();
    throw error;
  }
}
