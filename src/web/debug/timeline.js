// The last ten minutes: stop, go back, go on. Marks say when something happened.

import { attribute, el, svg, text } from '../dom.js';
import { clock } from './words.js';

/** Marks are moved on at most this often, ms. */
const DRAWN_EVERY = 2000;

export class Timeline {
  #history;
  #moment = null;
  #button;
  #range;
  #words = el('output', { 'aria-live': 'off' });
  #marks = svg('svg', { class: 'marks', viewBox: '0 0 1000 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  #drawn = 0;
  #again;

  /** `again` is called with the moment that is to be shown, or null for the present. */
  constructor(history, again) {
    this.#history = history;
    this.#again = again;
    this.#button = el('button', { type: 'button', class: 'pause', onclick: () => (this.#moment === null ? this.stop(history.last) : this.stop(null)) });
    this.#range = el('input', {
      type: 'range', min: '0', max: '1000', step: '1', value: '1000', 'aria-label': 'Moment that is shown',
      oninput: () => this.#scrub(),
      onkeydown: (event) => this.#key(event),
    });
    this.element = el('div', { class: 'timeline', role: 'group', 'aria-label': 'The last ten minutes' },
      this.#button, el('div', { class: 'slider' }, this.#marks, this.#range), this.#words);
  }

  /** What is shown: ms since 1970, or null for the present. */
  get moment() {
    return this.#moment;
  }

  /** Shows this moment, or the present for null. */
  stop(moment) {
    this.#moment = moment;
    this.#drawn = 0;
    this.#again(moment);
  }

  #span() {
    const { first, last } = this.#history;
    return { first, last, length: Math.max(1000, last - first) };
  }

  #scrub() {
    const { first, last, length } = this.#span();
    const moment = first + Number(this.#range.value) / 1000 * length;
    this.stop(moment >= last ? (this.#moment === null ? null : last) : moment);
  }

  /** Arrow keys go by a second, with Shift by ten. */
  #key(event) {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const { first, last } = this.#span();
    const moment = (this.#moment ?? last) + step * (event.shiftKey ? 10_000 : 1000);
    this.stop(moment >= last ? null : Math.max(first, moment));
  }

  /** Draws it; `report` is what is known at present. */
  show(report) {
    const { first, last, length } = this.#span();
    const live = this.#moment === null;
    text(this.#button, live ? 'Pause' : 'Go live');
    attribute(this.#button, 'aria-pressed', String(!live));
    const value = live ? '1000' : String(Math.round((this.#moment - first) / length * 1000));
    if (this.#range.value !== value) this.#range.value = value;
    const ago = live ? 0 : Math.round((last - this.#moment) / 1000);
    const words = live ? `live, ${clock(last)}` : `${clock(this.#moment)}, ${Math.floor(ago / 60)}:${String(ago % 60).padStart(2, '0')} ago`;
    text(this.#words, words);
    attribute(this.#range, 'aria-valuetext', words);
    if (Math.abs(last - this.#drawn) < DRAWN_EVERY) return;
    this.#drawn = last;
    const at = (moment) => ((moment - first) / length * 1000).toFixed(1);
    const mark = (kind, moments) => svg('path', { class: kind, d: moments.filter((it) => it >= first).map((it) => `M${at(it)} 0v10`).join('') });
    const faults = [...report.exits.values()].filter(({ reason }) => !['normal', 'shutdown'].includes(reason));
    this.#faults = [...this.#faults.filter(({ at: when }) => when >= first), ...faults.filter((fault) => !this.#faults.some(({ nth, at: when }) => nth === fault.nth && when === fault.at))];
    this.#marks.replaceChildren(
      mark('release', [...report.releases.values()].map((it) => it.at)),
      mark('fault', this.#faults.map((it) => it.at)));
  }

  /** The server remembers faults for a minute only. */
  #faults = [];
}
