// Viewers of str0m's making, in a process of their own: what it says is read as it says it.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './server.mjs';

/** Starts viewers of a URL with these options ({ seconds: 5, each: true, … }), behind `wrap` if given. */
export class Crowd {
  #child;
  #heard = new Map();
  #waiting = [];
  #ended = false;

  constructor(url, options, { wrap = [] } = {}) {
    const given = Object.entries(options).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, value]));
    const [command, ...args] = [...wrap, join(ROOT, 'target/release/viewers'), url, ...given].map(String);
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const said = JSON.parse(line);
      said.at = performance.now();
      this.#heard.set(said.event, said);
      this.#wake();
    }).once('close', () => { this.#ended = true; this.#wake(); });
  }

  /** Waits for an event, and calls `then` in the same moment. */
  async hear(event, { patience = 300_000, then = () => {} } = {}) {
    const deadline = performance.now() + patience;
    while (!this.#heard.has(event)) {
      if (this.#ended) throw new Error(`the viewers ended before "${event}"`);
      if (performance.now() > deadline) throw new Error(`not within ${patience} ms: "${event}"`);
      await new Promise((wake) => {
        const timer = setTimeout(wake, Math.max(0, deadline - performance.now()));
        this.#waiting.push(() => { clearTimeout(timer); wake(); });
      });
    }
    then();
    return this.#heard.get(event);
  }

  /** What each saw, once all have left. */
  async each(patience) {
    return (await this.hear('each', { patience })).viewers;
  }

  /** They neither hear nor say anything from now on, and are there all the same. */
  pause() {
    this.#child.kill('SIGSTOP');
  }

  /** Ends them as they are. */
  kill() {
    this.#child.kill('SIGKILL');
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
