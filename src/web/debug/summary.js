// How it all is, in one line of figures.

import { attribute, el, text } from '../dom.js';
import { count } from './cameras.js';
import { load, percent } from './threads.js';
import { countByState } from './tree.js';
import { lasts, plural } from './words.js';

const MINUTE = 60_000;

/** An order at the top: [key, title, what it shows]. */
const FIGURES = {
  viewers: ['viewers', ({ report }) => {
    const states = [...report.peers.values()].map(({ state }) => state);
    const of = (state) => states.filter((it) => it === state).length;
    const doubt = ['suspect', 'away'].filter(of).map((state) => `${of(state)} ${state}`);
    return [String(states.length - of('away')), doubt.join(', ') || (states.length ? 'all are well' : 'nobody watches'), doubt.length > 0];
  }],
  cameras: ['cameras open', ({ report }) => {
    const { all, open, troubled } = count(report);
    return [`${open} of ${all}`, troubled ? `${troubled} in trouble` : open ? 'their lights are on' : 'all lights are off', troubled > 0];
  }],
  actors: ['actors', ({ report }) => {
    const unwell = countByState(report).filter(({ state }) => state !== 'running').map(({ state, count: many }) => `${many} ${state}`);
    return [String(report.actors.size), unwell.join(', ') || 'all run', unwell.length > 0];
  }],
  exits: ['faults, last minute', ({ report }) => {
    const faults = [...report.exits.values()].filter(({ reason }) => !['normal', 'shutdown'].includes(reason));
    return [String(faults.length), faults.at(-1) ? `${faults.at(-1).path.split('/').slice(-2).join('/')}: ${faults.at(-1).reason}` : 'nobody was restarted', faults.length > 0];
  }],
  releases: ['closings in ten minutes', ({ report }) => {
    const recent = [...report.releases.values()].filter(({ at, closed_ms: closed }) => report.at - at < 10 * MINUTE && closed !== null);
    const times = recent.map(({ closed_ms: closed }) => closed).sort((a, b) => a - b);
    return [String(recent.length), times.length ? `${lasts(times[times.length >> 1])}, at most ${lasts(times.at(-1))}` : 'no camera was closed', false];
  }],
  load: ['load', (view) => [percent(load(view)), `of a core, ${plural(view.report.threads.size, 'thread')}`, false]],
};

export class Summary {
  #shown = {};

  constructor() {
    this.element = el('dl', { class: 'figures' }, ...Object.entries(FIGURES).map(([key, [title]]) => {
      const [figure, words] = [el('b'), el('span')];
      const element = el('div', {}, el('dt', {}, title), el('dd', {}, figure, words));
      this.#shown[key] = { figure, words, element };
      return element;
    }));
  }

  show(view) {
    for (const [key, [, look]] of Object.entries(FIGURES)) {
      const { figure, words, element } = this.#shown[key];
      const [value, means, troubled] = look(view);
      text(figure, value);
      text(words, means);
      attribute(words, 'title', means);
      attribute(element, 'data-trouble', troubled);
    }
  }
}
