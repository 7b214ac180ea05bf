// A relay between a browser and a server that can fall silent: its connections stay open, and nothing
// comes through, as after a sleep or behind a router that has forgotten them.

import { createServer, connect } from 'node:net';
import { once } from 'node:events';

export class Relay {
  #server;
  #pairs = new Set();
  url;

  /** Relays to the server of this URL. New connections always work. */
  static async to(url) {
    const relay = new Relay();
    const { port, hostname } = new URL(url);
    relay.#server = createServer((near) => {
      const far = connect(Number(port), hostname);
      const pair = { near, far };
      relay.#pairs.add(pair);
      near.pipe(far);
      far.pipe(near);
      for (const socket of [near, far]) socket.on('error', () => socket.destroy());
      near.on('close', () => { far.destroy(); relay.#pairs.delete(pair); });
    });
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    relay.url = `http://127.0.0.1:${relay.#server.address().port}`;
    return relay;
  }

  /** From now on nothing comes through the connections that there are. */
  fallSilent() {
    for (const { near, far } of this.#pairs) {
      near.unpipe(far);
      far.unpipe(near);
      near.resume();
      far.resume();
    }
  }

  async close() {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.#server.close();
    await once(this.#server, 'close');
  }
}
