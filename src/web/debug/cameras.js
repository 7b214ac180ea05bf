// Cameras with their lights, what they have opened and started, and the streams that they give.

import { attribute, el, Rows, text } from '../dom.js';
import { mark } from './marks.js';
import { badness, bits, clock, few, lasts, markOf, plural } from './words.js';

/** States in which the last error is the present one. */
const TROUBLED = ['backoff', 'failed', 'absent'];

export class Cameras {
  #body = el('tbody');
  #rows = new Rows(this.#body, (id) => this.#camera(id));
  #view = null;
  #streams = new Map();
  #none = el('p', { class: 'note' });

  constructor() {
    const head = (words, title) => el('th', { scope: 'col', title }, words);
    this.element = el('div', { class: 'scroll' },
      el('table', { class: 'cameras' },
        el('thead', {}, el('tr', {},
          head('camera', 'its light, and its name'),
          head('state', 'and for how long it has been open'),
          head('device', 'what is open, its format, and the processes of a program'),
          head('streams', 'each with its viewers, bits and frames a second'),
          head('opens', 'how often it was opened'),
          head('fails', 'how often it failed'),
          head('broken', 'broken pictures that were left out'))),
        this.#body),
      this.#none);
  }

  show(view) {
    this.#view = view;
    const { report, match } = view;
    this.#streams = Map.groupBy(report.streams.values(), ({ camera }) => camera);
    const matches = (camera) => !match
      || match(camera.id, camera.state, camera.source, camera.last_error, ...(this.#streams.get(camera.id) ?? []).map(({ id }) => id));
    const rank = ({ state }) => (['waiting', 'bad'].includes(markOf('camera', state)) ? 0 : 1);
    const shown = [...report.cameras.values()].filter(matches)
      .sort((a, b) => (report.cameras.size > 8 ? rank(a) - rank(b) : 0));
    this.#rows.show(shown.map(({ id }) => id));
    text(this.#none, shown.length === 0 ? 'no camera is called so' : '');
  }

  #camera(id) {
    const light = mark();
    const name = el('a', { href: `#root/cameras/${id}` }, id);
    const [state, device, opens, failures, leftOut] = ['state', 'device', 'number', 'number', 'number'].map((kind) => el('td', { class: kind }));
    const list = el('td', { class: 'streams' });
    const rows = new Rows(list, (stream) => this.#stream(stream));
    const trouble = el('span', { class: 'trouble' });
    const words = el('span');
    state.append(words);
    const source = el('span');
    device.append(source, trouble);
    const element = el('tr', {}, el('th', { scope: 'row' }, light.element, ' ', name), state, device, list, opens, failures, leftOut);
    attribute(failures, 'data-label', 'fails');
    const update = () => {
      const { report, selected } = this.#view;
      const camera = report.cameras.get(id);
      light.set('camera', camera.state, id);
      attribute(name, 'aria-current', selected === `root/cameras/${id}` ? 'true' : null);
      text(words, camera.state === 'capturing' && camera.opened_at ? openFor(report.at - camera.opened_at) : camera.state);
      // What went wrong names the device, as a rule, and needs the room.
      text(source, TROUBLED.includes(camera.state) && camera.last_error ? '' : device_of(camera));
      attribute(device, 'title', `${camera.source}${camera.opened_at ? `; opened last at ${clock(camera.opened_at)}` : ''}`);
      const troubled = TROUBLED.includes(camera.state) && camera.last_error;
      text(trouble, troubled ? camera.last_error : '');
      attribute(element, 'data-mark', markOf('camera', camera.state));
      const streams = this.#streams.get(id) ?? [];
      const well = streams.filter((it) => it.rendition === 'full' && !TROUBLED.includes(it.state)).map((it) => it.known_as);
      // The small rendition is said with the full one, unless it has a trouble of its own: a line that comes and goes with a viewer moves all beneath.
      rows.show(streams.filter((it) => it.rendition === 'full' || (TROUBLED.includes(it.state) && well.includes(it.known_as))).map((it) => it.id));
      text(opens, few(camera.opens));
      text(failures, few(camera.failures));
      attribute(failures, 'data-some', camera.failures > 0);
      attribute(failures, 'title', camera.last_error ? `last: ${camera.last_error}` : null);
      text(leftOut, few(camera.left_out));
    };
    return { element, update };
  }

  #stream(id) {
    const state = mark();
    const words = el('span');
    const element = el('span', { class: 'stream' }, state.element, words);
    const update = () => {
      const { report, rates } = this.#view;
      const own = report.streams.get(id);
      const others = own.rendition === 'full' ? (this.#streams.get(own.camera) ?? []).filter((it) => it.rendition === 'small' && it.known_as === own.known_as) : [];
      const small = others.find((it) => it.subscribers.length > 0);
      const [some, fewer] = [own.subscribers.length, small?.subscribers.length ?? 0];
      // If all are sent the small one, that is what there is to say.
      const stream = some === 0 && small ? small : own;
      state.set('stream', stream.state, stream.id);
      const full = own.known_as === own.camera ? [] : [own.known_as];
      const parts = own.rendition === 'small' ? [...full, 'small'] : full;
      const viewers = some + fewer;
      if (fewer > 0) parts.push(some > 0 ? `${some} + ${fewer} small` : `${fewer} small`);
      else if (some > 0) parts.push(plural(some, 'viewer'));
      if (stream.state === 'live') {
        parts.push(bits(stream.bitrate_bps));
        const rate = rates.last(`stream ${stream.id}`);
        if (rate !== null) parts.push(`${Math.round(rate)}/s`);
        if (stream.limited_to_bps) parts.push(`held to ${bits(stream.limited_to_bps)}`);
      } else if (viewers === 0 || stream.state !== 'idle') parts.push(stream.state);
      text(words, parts.join(' · '));
      attribute(element, 'class', markOf('stream', stream.state) === 'off' ? 'stream idle' : 'stream');
      attribute(element, 'title', `${stream.rendition} rendition of ${stream.known_as}: ${stream.state}${stream.last_error ? `; last error: ${stream.last_error}` : ''}`);
    };
    return { element, update };
  }
}

function device_of({ source, device, format, fps, processes = [] }) {
  const programs = processes.map(({ pid, name }) => `${name} ${pid}`);
  const parts = [device ?? source, format, fps ? `${Math.round(fps)} fps` : null];
  if (programs.length > 0) parts[0] = programs.join(', ');
  return parts.filter(Boolean).join(' · ');
}

/** That it is open, and for how long, in whole seconds. */
function openFor(ms) {
  const seconds = Math.floor(ms / 1000);
  return seconds > 0 ? `open ${lasts(seconds * 1000)}` : 'open';
}

/** How many are open, and how many are in trouble. */
export function count(report) {
  const marks = [...report.cameras.values()].map(({ state }) => markOf('camera', state));
  return {
    all: marks.length,
    open: marks.filter((it) => it === 'lit').length,
    troubled: marks.filter((it) => badness(it) <= badness('waiting')).length,
  };
}
