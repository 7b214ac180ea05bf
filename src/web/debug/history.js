// The last ten minutes as they were told, so that any moment of them can be shown again. Bounded in time and in characters.

import { Report } from './report.js';

const MINUTES_MAX = 10;
const CHARACTERS_MAX = 40e6;

/** So often everything is noted, so that a moment is found without going through all before it, ms. */
const WHOLE_EVERY = 60_000;

export class History {
  /** What was told, in order: { at, kind, text }. The first is of the kind `report`. */
  #told = [];
  #characters = 0;
  #wholeAt = 0;
  #limits;

  constructor({ age = MINUTES_MAX * 60_000, characters = CHARACTERS_MAX } = {}) {
    this.#limits = { age, characters };
  }

  /** Notes an event; `report` is what is known after it. */
  note(kind, text, report) {
    const { at } = report;
    // A clock that was set back, or another server: what was before is of no use.
    if (at < this.last) {
      this.#forgetAll();
      return this.noteWhole(report);
    }
    if (kind === 'report') this.#wholeAt = at;
    this.#push({ at, kind, text });
    this.#prune(at);
  }

  /** Whether it is time to note everything that is known. */
  get wantsWhole() {
    return this.last - this.#wholeAt >= WHOLE_EVERY;
  }

  /** Notes it, which takes a while. */
  noteWhole(report) {
    this.#wholeAt = report.at;
    this.#push({ at: report.at, kind: 'report', text: JSON.stringify(report) });
  }

  /** When what is remembered begins, ms since 1970. */
  get first() {
    return this.#told[0]?.at ?? 0;
  }

  /** And ends. */
  get last() {
    return this.#told.at(-1)?.at ?? 0;
  }

  /** What was known at a moment: a Report of its own. */
  at(moment) {
    let end = this.#told.findIndex(({ at }) => at > moment);
    if (end < 0) end = this.#told.length;
    end = Math.max(end, 1);
    let begin = end - 1;
    while (begin > 0 && this.#told[begin].kind !== 'report') begin -= 1;
    const report = new Report();
    for (const { kind, text } of this.#told.slice(begin, end)) report.take(kind, JSON.parse(text));
    return report;
  }

  #push(event) {
    this.#told.push(event);
    this.#characters += event.text.length;
  }

  /** Forgets what is too old, and what is too much; what is left begins with everything. */
  #prune(now) {
    for (;;) {
      const next = this.#told.findIndex(({ kind }, nth) => nth > 0 && kind === 'report');
      if (next < 0) return;
      const old = now - this.#told[next].at > this.#limits.age;
      if (!old && this.#characters <= this.#limits.characters) return;
      for (const { text } of this.#told.splice(0, next)) this.#characters -= text.length;
    }
  }

  #forgetAll() {
    this.#told = [];
    this.#characters = 0;
  }
}
