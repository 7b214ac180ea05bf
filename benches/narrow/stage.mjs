// Links, a server and viewers for one scenario, and their end.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Crowd } from '../../tests/browser/support/crowd.mjs';
import { Links } from '../../tests/browser/support/links.mjs';
import { Server, toml } from '../../tests/browser/support/server.mjs';

export { sleep };

/** A promise, or an error after so many ms: a server that has frozen does not hold the bench up. */
export async function within(patience, promise, what) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${patience} ms: ${what}`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A `test` camera by the name `camera` whose encoder gives so many bits a second. */
export const test = (bitrate, size = [1280, 720], more = {}) => ({
  cameras: [{ id: 'camera', source: 'test:busy', size, fps: 30 }], streams: [{ id: 'camera', camera: 'camera', bitrate, ...more }],
});

/** A camera by the name `camera` that plays a clip. */
export const plays = ({ source }) => ({ cameras: [{ id: 'camera', source }] });

// IPv4, UDP and Ethernet.
const HEADERS = 42;

/** What a camera really gives a viewer, bits a second on the wire: the encoder's bit rate is no more than its limit,
 *  and the test picture stays far below that. */
export const measured = (camera) => Stage.run(camera, { wide: { kind: 'wide' } }, async (stage) => {
  const [{ bytes_a_second: bytes, packets, since }] = await stage.watch('wide', { seconds: 8 }).each(40_000);
  if (!since) throw new Error('the camera gave no picture');
  return (bytes.reduce((sum, value) => sum + value, 0) + packets * HEADERS) * 8 / 8.1;
});

export class Stage {
  links;
  server;
  #crowds = [];
  #programs = [];

  /** Runs `act` with a server of this configuration and groups of viewers ({ name: { kind, rate, limit } }). */
  static async run(configuration, groups, act) {
    const stage = new Stage();
    try {
      stage.links = new Links();
      for (const [name, link] of Object.entries(groups)) stage.links.add(name, link);
      const starting = Server.start(toml({ server: 'max_viewers = 1000', limits: 'offers_per_second = 100000', ...configuration, host: stage.links.host }), { wrap: stage.links.inside('server') });
      stage.server = await within(20_000, starting, 'the server starts');
      return await act(stage);
    } finally {
      await stage.#end();
    }
  }

  /** Viewers of one group, each of whom tells when it could decode which frame. */
  watch(group, options) {
    const crowd = new Crowd(`${this.server.url}/whep/camera`, { each: true, frames: true, ...options }, { wrap: this.links.inside(group) });
    this.#crowds.push(crowd);
    return crowd;
  }

  /** A program in a group's namespace; what is returned gives the lines of JSON that it prints, one after the other. */
  program(group, ...command) {
    const [name, ...args] = [...this.links.inside(group), ...command].map(String);
    const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#programs.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command[1] ?? name} has ended`);
      return { ...JSON.parse(value), at: Date.now() };
    };
  }

  /** Three viewers with room beside one whose link widens after some seconds; what they saw, and what `look` gave just
   *  before. */
  async besideSlow({ narrow, after, wide, look }) {
    const beside = this.watch('beside', { viewers: 3, settle: 0, seconds: narrow + after + 4 });
    await beside.hear('counting', { patience: 30_000 });
    const slow = this.watch('slow', { 'from-start': true, seconds: narrow + after });
    await slow.hear('counting', { patience: 10_000 });
    const from = Date.now();
    await sleep(narrow * 1000);
    const looked = await look();
    const widened = Date.now();
    this.links.rate('slow', wide);
    const [mine] = await slow.each(60_000);
    return { mine, others: await beside.each(), looked, from, widened, end: from + (narrow + after) * 1000 };
  }

  /** What the server says of its viewers. */
  async peers() {
    return (await this.debug()).peers;
  }

  debug() {
    return within(10_000, this.server.debug(), '/debug');
  }

  /** Sums of the peers' counters whose names hold one of these words. */
  async counters(...words) {
    const sums = {};
    for (const peer of await this.peers()) {
      for (const [name, value] of Object.entries(peer)) {
        if (typeof value === 'number' && words.some((word) => name.includes(word))) sums[name] = (sums[name] ?? 0) + value;
      }
    }
    return sums;
  }

  /** The server's memory, MiB. */
  memory() {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.server.pid}/status`, 'utf8'))[1]) / 1024;
  }

  async #end() {
    for (const crowd of this.#crowds) crowd.kill();
    for (const program of this.#programs) program.kill('SIGKILL');
    if (this.server) {
      const { pid } = this.server;
      await within(10_000, this.server.stop(), 'the server ends').catch((error) => {
        console.error(error.message);
        process.kill(pid, 'SIGKILL');
      });
    }
    this.links?.remove();
  }
}
