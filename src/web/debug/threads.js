// Threads and their load: those of one kind together.

import { attribute, el, Rows, style, text } from '../dom.js';

/** What threads of these names do. */
const WORK = {
  lenscap: 'supervisors, and what ends the server',
  media: 'viewers: encryption and feedback',
  cameras: 'the actors of cameras and streams',
  http: 'pages and signalling',
  udp: 'reads the socket',
  capture: 'reads a camera',
  encode: 'encodes a rendition',
  pictures: 'makes the last picture of each stream',
  hotplug: 'hears what is plugged in',
  'actix-server': 'takes connections',
  'tokio-rt-worker': 'what may take a moment: files, controls',
  systemd: 'tells systemd how we are',
};

/** Those that are there while a camera is open. Their rows stay: what is beneath is not to move with each camera. */
const COME_AND_GO = ['capture', 'encode'];

const kindOf = (name) => name.split(' ')[0];

export class Threads {
  #list = el('ul', { class: 'threads' });
  #rows = new Rows(this.#list, (kind) => this.#kind(kind));
  #by = new Map();
  element = this.#list;

  show({ report, rates }) {
    const loads = [...report.threads.values()].map((thread) => ({ ...thread, load: (rates.last(`thread ${thread.id}`) ?? 0) / 1000 }));
    this.#by = Map.groupBy(loads, ({ name }) => kindOf(name));
    this.#rows.show([...[...this.#by.keys()].filter((kind) => !COME_AND_GO.includes(kind)), ...COME_AND_GO]);
  }

  #kind(kind) {
    const name = el('b');
    const work = el('span', { class: 'soft' }, WORK[kind] ?? '');
    const load = el('span', { class: 'number' });
    const field = el('span', { class: 'loads', 'aria-hidden': 'true' });
    const bars = new Rows(field, (id) => {
      const bar = el('i');
      return {
        element: bar,
        update: () => {
          const thread = (this.#by.get(kind) ?? []).find((it) => it.id === id);
          style(bar, '--load', Math.min(1, thread.load).toFixed(2));
          attribute(bar, 'title', `${thread.name} (${id}): ${percent(thread.load)} of a core`);
        },
      };
    });
    const element = el('li', {}, name, load, field, work);
    const update = () => {
      const threads = this.#by.get(kind) ?? [];
      text(name, threads.length > 1 ? `${kind} × ${threads.length}` : kind);
      text(load, threads.length === 0 ? 'none' : percent(threads.reduce((sum, it) => sum + it.load, 0)));
      bars.show(threads.map(({ id }) => id));
    };
    return { element, update };
  }
}

/** The load of all, in cores. */
export function load({ report, rates }) {
  return [...report.threads.keys()].reduce((sum, id) => sum + (rates.last(`thread ${id}`) ?? 0) / 1000, 0);
}

export const percent = (load) => `${load >= 0.0995 ? Math.round(load * 100) : (load * 100).toFixed(1)} %`;
