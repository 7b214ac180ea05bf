// Viewers by the stream that they watch: how far each can be relied on to be there, how its link is, and what it was not sent.

import { attribute, el, Rows, style, text } from '../dom.js';
import { mark } from './marks.js';
import { byName } from './report.js';
import { badness, bits, few, lasts, markOf } from './words.js';

/** Streams are open while there are no more viewers than this in all. */
const OPEN_MAX = 24;

/** Rows of one stream at most: those in doubt first. */
const ROWS_MAX = 60;

/** A silence of so many ms fills its bar. */
const SILENCE_MAX = 3200;

const COLUMNS = [
  ['viewer', 'its id is the same in the log, in the ledger, and in the answer to its page'],
  ['state', ''],
  ['silent', 'for how long nothing has proved that it is there'],
  ['trip', 'there and back, as its probes and reports say'],
  ['carries', 'what its link carries, if that is little; else what arrives'],
  ['queue', 'how long packets wait on the way'],
  ['lost', 'packets that it reported as lost, of all that were sent'],
  ['dropped', 'frames that it was not sent: it had to wait for a keyframe, or they would have come late; and packets that the socket refused'],
  ['from', 'how it signals, and where its packets come from'],
];

const dropped = (peer) => peer.skipped_frames + peer.late_frames + peer.refused_packets;

export class Viewers {
  #table = el('table', { class: 'viewers' }, el('thead', {}, el('tr', {}, ...COLUMNS.map(([words, title]) => el('th', { scope: 'col', title: title || null }, words)))));
  #none = el('p', { class: 'note' });
  #groups;
  #toggled = new Map();
  #by = new Map();
  #view = null;
  #again;

  constructor(again) {
    this.#again = again;
    // Groups come after the head.
    const head = this.#table.firstElementChild;
    this.#groups = new Rows({
      get firstElementChild() { return head.nextElementSibling; },
      insertBefore: (element, next) => this.#table.insertBefore(element, next),
    }, (stream) => this.#group(stream));
    this.element = el('div', { class: 'scroll' }, this.#table, this.#none);
  }

  show(view) {
    this.#view = view;
    const { report, match } = view;
    const shown = [...report.peers.values()].filter((peer) => !match || match(peer.id, peer.stream, peer.state, peer.remote));
    this.#by = Map.groupBy(shown, ({ stream }) => stream ?? '–');
    this.#groups.show([...this.#by.keys()].sort(byName));
    attribute(this.#table, 'hidden', shown.length === 0);
    text(this.#none, shown.length > 0 ? '' : report.peers.size > 0 ? 'no viewer is called so' : 'Nobody watches, so every camera is closed.');
  }

  #isOpen(stream) {
    const { report, match } = this.#view;
    return this.#toggled.get(stream) ?? (match !== null || report.peers.size <= OPEN_MAX);
  }

  #group(stream) {
    const toggle = el('button', {
      class: 'toggle', type: 'button', 'aria-label': `Viewers of ${stream}`,
      onclick: () => {
        this.#toggled.set(stream, !this.#isOpen(stream));
        this.#again();
      },
    });
    const cells = COLUMNS.slice(1).map(() => el('td'));
    const [states, silent, trip, carries, queue, lost, drops] = cells;
    let counts = new Map();
    const marks = new Rows(states, (state) => many(state, () => counts.get(state)));
    const head = el('tr', { class: 'group' }, el('th', { scope: 'rowgroup' }, toggle, ' ', stream), ...cells);
    const element = el('tbody', {}, head);
    const hint = el('td', { colspan: String(COLUMNS.length), class: 'hint' });
    const more = el('tr', {}, hint);
    element.append(more);
    const rows = new Rows({
      get firstElementChild() { return head.nextElementSibling; },
      insertBefore: (row, next) => element.insertBefore(row, next),
    }, (id) => this.#viewer(id));
    const update = () => {
      const peers = this.#by.get(stream);
      const open = this.#isOpen(stream);
      attribute(toggle, 'aria-expanded', String(open));
      counts = new Map();
      let [most, longest, least, waits, sent, gone, drop] = [0, 0, Infinity, 0, 0, 0, 0];
      for (const peer of peers) {
        counts.set(peer.state, (counts.get(peer.state) ?? 0) + 1);
        most = Math.max(most, peer.suspicion);
        longest = Math.max(longest, peer.rtt_ms ?? 0);
        least = Math.min(least, peer.link?.carries_bps ?? Infinity);
        waits = Math.max(waits, peer.link?.queue_ms ?? 0);
        sent += peer.sent_packets;
        gone += peer.lost_packets;
        drop += dropped(peer);
      }
      const frequent = [...counts].sort(([, a], [, b]) => b - a).map(([state]) => state);
      marks.show(frequent);
      attribute(states, 'title', frequent.map((state) => `${counts.get(state)} ${state}`).join(', '));
      text(silent, `≤ ${lasts(most)}`);
      text(trip, `≤ ${lasts(longest)}`);
      text(carries, least === Infinity ? '' : `≥ ${bits(least)}`);
      text(queue, waits >= 1 ? `≤ ${lasts(waits)}` : '');
      text(lost, share(gone, sent));
      text(drops, few(drop));
      const shown = open ? this.#worstFirst(peers) : [];
      rows.show(shown, this.#view.changed?.peers);
      attribute(more, 'hidden', !open || peers.length === shown.length);
      text(hint, `and ${peers.length - shown.length} more: look for them by name`);
    };
    return { element, update };
  }

  #worstFirst(peers) {
    const doubt = ({ state }) => Math.min(badness(markOf('peer', state)), badness('busy'));
    return peers.toSorted((a, b) => doubt(a) - doubt(b)).slice(0, ROWS_MAX).map(({ id }) => id);
  }

  #viewer(id) {
    const state = mark({ silent: true });
    const words = el('span');
    const name = el('a', { href: `#root/peers/${id}` }, id);
    const cells = COLUMNS.slice(1).map(([label]) => el('td', { 'data-label': label }));
    const [shown, silent, trip, carries, queue, lost, drops, from] = cells;
    shown.append(state.element, ' ', words);
    silent.classList.add('silence');
    const element = el('tr', {}, el('th', { scope: 'row' }, name), ...cells);
    const update = () => {
      const peer = this.#view.report.peers.get(id);
      state.set('peer', peer.state, id);
      text(words, peer.state + (peer.rendition === 'small' ? ', small' : ''));
      text(silent, lasts(peer.suspicion));
      style(silent, '--share', String(Math.min(1, Math.log1p(peer.suspicion) / Math.log1p(SILENCE_MAX)).toFixed(2)));
      text(trip, lasts(peer.rtt_ms));
      text(carries, !peer.link ? '–' : peer.link.carries_bps ? bits(peer.link.carries_bps) : `(${bits(peer.link.arrives_bps)})`);
      attribute(carries, 'title', peer.link ? `arrives: ${bits(peer.link.arrives_bps)}, the stream has ${bits(peer.link.stream_bps)}, it carries: ${peer.link.carries_bps ? bits(peer.link.carries_bps) : 'all, as far as is known'}` : 'its player gives no feedback');
      text(queue, peer.link ? lasts(peer.link.queue_ms) : '–');
      text(lost, share(peer.lost_packets, peer.sent_packets));
      attribute(lost, 'title', `${peer.lost_packets} of ${peer.sent_packets} packets; ${peer.resent_packets} were sent again`);
      text(drops, few(dropped(peer)));
      attribute(drops, 'title', `${peer.skipped_frames} frames waited for a keyframe, ${peer.late_frames} would have been late, ${peer.refused_packets} packets were refused by the socket`);
      attribute(drops, 'data-some', dropped(peer) > 0);
      text(from, [peer.transport, peer.remote].filter(Boolean).join(' '));
    };
    return { element, update };
  }
}

/** How many are in a state: its mark, and their number. */
function many(state, count) {
  const shown = mark();
  const number = el('span');
  const element = el('span', { class: 'many' }, number, ' ', shown.element);
  return {
    element,
    update: () => {
      shown.set('peer', state);
      text(number, String(count()));
    },
  };
}

function share(part, whole) {
  if (!whole || !part) return '0 %';
  const percent = part / whole * 100;
  return `${percent < 0.1 ? '< 0.1' : percent.toFixed(1)} %`;
}
