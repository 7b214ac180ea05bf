// Events of the server, for as long as a page wants them: also after a refusal, another server, and a link that died without a word.

import { refusal } from './refusal.js';

/** Whoever was refused asks again after so long: the server may have been started anew, or the visitor have logged in. */
const AGAIN_MS = 5000;

/** It tells all that there is at once, and that has to come whole: the next time it has twice as long. A browser may ask over a connection that
 *  it does not know to be dead, and then over the next. */
const FIRST_MS = 5000;
const FIRST_MAX_MS = 80_000;

/** What a server sends that has nothing to say. */
const BEAT = 'beat';

const NO_ANSWER = 'The server does not answer. Trying again …';

/**
 * Calls `take(kind, text)` with each event of these kinds at an address, and `lost` with words when none comes: for `silence` ms not even a beat.
 */
export class ServerEvents {
  #address;
  #kinds;
  #silence;
  #take;
  #lost;
  #source = null;
  #again = null;
  #watchdog = null;
  #patience = FIRST_MS;

  constructor(address, { kinds, silence, take, lost }) {
    [this.#address, this.#kinds, this.#silence, this.#take, this.#lost] = [address, kinds, silence, take, lost];
    addEventListener('online', () => this.#source && this.#begin());
  }

  /** Does nothing if it is open. */
  open() {
    if (!this.#source) this.#begin();
  }

  close() {
    clearTimeout(this.#again);
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = null;
  }

  #begin() {
    this.close();
    const source = new EventSource(this.#address);
    this.#source = source;
    this.#expect(this.#patience);
    this.#patience = Math.min(2 * this.#patience, FIRST_MAX_MS);
    for (const kind of this.#kinds) {
      source.addEventListener(kind, ({ data }) => {
        this.#heard();
        this.#take(kind, data);
      });
    }
    source.addEventListener(BEAT, () => this.#heard());
    source.addEventListener('error', () => this.#failed(source));
  }

  #heard() {
    this.#patience = FIRST_MS;
    this.#expect(this.#silence);
  }

  /** Something comes within so many ms, or it is begun anew. */
  #expect(ms) {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#lost(NO_ANSWER);
      this.#begin();
    }, ms);
  }

  async #failed(source) {
    // A browser does not try again if it was refused.
    if (source.readyState !== EventSource.CLOSED) return this.#lost(NO_ANSWER);
    this.close();
    this.#again = setTimeout(() => this.#begin(), AGAIN_MS);
    const words = await refusal(location.href);
    return this.#source || this.#lost(words ?? NO_ANSWER);
  }
}
