// One actor, whole: what it is, how it is, what can be done about it. It is named by the address of the page: /debug#root/cameras/front.

import { attribute, el, Rows, text } from '../dom.js';
import { possible } from './consequences.js';
import { entries } from './ledger.js';
import { mark } from './marks.js';
import { order } from './orders.js';
import { parentOf } from './report.js';
import { bits, CAUSES, clock, few, lasts, list, meaning, perSecond, plural, RESTARTS, STRATEGIES } from './words.js';

export class Detail {
  #title = el('h2', { id: 'detail-title', tabindex: '-1' });
  #mark = mark();
  #state = el('p', { class: 'state' });
  #facts = el('dl');
  #rows = new Rows(this.#facts, (name) => fact(name, () => this.#known));
  #buttons = el('p', { class: 'buttons' });
  #said = el('p', { class: 'note', role: 'status' });
  /** What is to be copied by hand. */
  #byHand = el('div');
  #close;
  /** What had the focus before it was shown. */
  #opener = null;
  #known = new Map();
  #path = null;
  #view = null;
  #order = {};

  /** `close` is called when it is not to be shown any more. */
  constructor(close) {
    this.#close = close;
    const button = (words, what, properties = {}) => el('button', { type: 'button', onclick: what, ...properties }, words);
    this.#order.restart = button('Restart …', () => this.#give('restart'));
    this.#order.kill = button('Kill …', () => this.#give('kill'), { class: 'danger' });
    this.#buttons.append(this.#order.restart, this.#order.kill,
      button('Copy as JSON', () => this.#copy(JSON.stringify(this.#json(), null, 2), 'Copied.')),
      button('Copy link', () => this.#copy(location.href, 'Copied.')));
    this.element = el('aside', { class: 'detail', 'aria-labelledby': 'detail-title', hidden: true },
      el('div', { class: 'top' }, this.#mark.element, this.#title, button('Close', () => this.close(), { class: 'close' })),
      // Above what grows and shrinks while it is looked at: a button that moves under a pointer is not pressed.
      this.#buttons, this.#state, this.#said, this.#byHand, this.#facts);
  }

  /** It is not to be shown any more: who came from somewhere is there again. */
  close() {
    const opener = this.#opener;
    this.#close();
    if (opener?.isConnected) opener.focus({ preventScroll: true });
  }

  show(view) {
    this.#view = view;
    const { report, selected: path } = view;
    attribute(this.element, 'hidden', !path);
    if (!path) {
      this.#path = null;
      this.#opener = null;
      return;
    }
    const actor = report.actors.get(path);
    if (path !== this.#path) {
      // Whichever link was followed: from one within the panel there is nowhere else to go back to.
      if (!this.element.contains(document.activeElement)) this.#opener = document.activeElement;
      this.#path = path;
      text(this.#title, path);
      text(this.#said, '');
      this.#byHand.replaceChildren();
      this.#title.focus();
    }
    this.#mark.set('actor', actor?.state ?? 'down');
    text(this.#state, actor ? `${actor.state}: ${meaning('actor', actor.state)}` : 'There is no such actor now. What is remembered of it:');
    const facts = [...(actor ? ofActor(view, actor) : []), ...ofExits(report, path), ...ofKind(view, path)];
    this.#known = new Map(facts);
    this.#rows.show([...this.#known.keys()]);
    for (const [what, it] of Object.entries(this.#order)) {
      const can = possible(report, path, what) && view.live;
      attribute(it, 'disabled', !can);
      attribute(it, 'title', can ? null : whyNot(view, actor, what));
    }
  }

  /** Everything that is known of it. */
  #json() {
    const { report } = this.#view;
    const path = this.#path;
    const [, branch, name] = path.split('/');
    const known = report.actors.has(path) ? { actor: report.node(path) } : { path };
    if (branch === 'cameras' && name) {
      known.camera = report.cameras.get(name);
      known.streams = [...report.streams.values()].filter(({ camera }) => camera === name);
    }
    if (branch === 'peers' && name) {
      known.peer = report.peers.get(name);
      known.releases = [...report.releases.values()].filter(({ peer }) => peer === name);
      known.verdicts = [...report.verdicts.values()].filter(({ peer }) => peer === name);
    }
    known.exits = [...report.exits.values()].filter((exit) => exit.path === path);
    return known;
  }

  async #copy(words, done) {
    try {
      await navigator.clipboard.writeText(words);
      text(this.#said, done);
      this.#byHand.replaceChildren();
    } catch {
      // Without HTTPS there may be no clipboard: then there is something to copy by hand.
      const area = el('textarea', { readonly: true, rows: '8', 'aria-label': 'To be copied' });
      area.value = words;
      text(this.#said, '');
      this.#byHand.replaceChildren(area);
      area.select();
    }
  }

  async #give(what) {
    const words = await order(this.#view.report, this.#path, what);
    if (words) text(this.#said, words);
  }
}

function fact(name, known) {
  const value = el('dd');
  const element = el('div', {}, el('dt', {}, name), value);
  return { element, update: () => text(value, known().get(name)) };
}

function ofActor({ report, rates }, actor) {
  const { lanes = {}, budget, work } = actor;
  return [
    ['kind', [actor.kind, RESTARTS[actor.restart]].filter(Boolean).join(', ')],
    ['strategy', actor.strategy && STRATEGIES[actor.strategy]],
    ['up', actor.since && `${lasts(Math.floor((report.at - actor.since) / 1000) * 1000)}, since ${clock(actor.since)}`],
    ['restarts', `${actor.restarts}`],
    ['budget', budget && `${budget.spent} of ${budget.restarts} restarts of its children spent within ${lasts(budget.period_ms)}`],
    ['last exit', actor.last_exit && `${clock(actor.last_exit.at)}: ${actor.last_exit.reason}`],
    ['waiting', `${lanes.orders ?? 0} orders, ${lanes.traffic ?? 0} of traffic`],
    ['handled', `${few(actor.handled)} messages${rates.last(actor.path) === null ? '' : `, ${perSecond(rates.last(actor.path)) || 0} a second`}`],
    ['in work', work && `${work.message} for ${lasts(Math.max(0, report.at - work.since))}`],
  ].filter(([, value]) => value);
}

function ofExits(report, path) {
  const own = [...report.exits.values()].filter((exit) => exit.path === path).slice(-5).reverse();
  return own.length ? [['ended lately', own.map(({ at, reason }) => `${clock(at)} ${reason}`).join('; ')]] : [];
}

function ofKind({ report }, path) {
  const [, branch, name] = path.split('/');
  if (branch === 'cameras' && report.cameras.has(name)) return ofCamera(report, report.cameras.get(name));
  if (branch === 'peers' && name) return ofViewer(report, name);
  return [];
}

function ofCamera(report, camera) {
  const streams = [...report.streams.values()].filter((stream) => stream.camera === camera.id);
  return [
    ['camera', `${camera.state}: ${meaning('camera', camera.state)}`],
    ['source', camera.source],
    ['device', [camera.device, camera.format, camera.fps && `${Math.round(camera.fps)} fps`].filter(Boolean).join(', ')],
    ['processes', camera.processes?.map(({ pid, name }) => `${name} (${pid})`).join(', ')],
    ['opened', `${plural(camera.opens, 'time')}${camera.opened_at ? `, last at ${clock(camera.opened_at)}` : ''}`],
    ['failed', camera.failures ? plural(camera.failures, 'time') : ''],
    ['last error', camera.last_error],
    ...streams.map((stream) => [`stream ${stream.id}`, `${stream.state}, ${plural(stream.subscribers.length, 'viewer')}, ${bits(stream.bitrate_bps)}${stream.last_error ? `; last error: ${stream.last_error}` : ''}`]),
  ].filter(([, value]) => value);
}

function ofViewer(report, id) {
  const peer = report.peers.get(id);
  const { link } = peer ?? {};
  const left = [...entries(report).values()].filter((it) => it.peer === id);
  return [
    ...(peer ? [
      ['viewer', `${peer.state}: ${meaning('peer', peer.state)}`],
      ['watches', `${peer.stream ?? 'nothing'} (${peer.rendition})`],
      ['from', `${peer.remote ?? 'nowhere yet'}, signals by ${peer.transport}`],
      ['silent for', lasts(peer.suspicion)],
      ['round trip', peer.rtt_ms === null ? '' : lasts(peer.rtt_ms)],
      ['link', link && `${bits(link.arrives_bps)} arrive of ${bits(link.stream_bps)}; it carries ${link.carries_bps ? bits(link.carries_bps) : 'all, as far as is known'}; ${lasts(link.queue_ms)} of queue`],
      ['packets', `${few(peer.sent_packets)} sent, ${few(peer.lost_packets)} lost, ${few(peer.resent_packets)} sent again, ${few(peer.refused_packets)} refused`],
      ['frames dropped', `${few(peer.skipped_frames)} waited for a keyframe, ${few(peer.late_frames)} would have been late`],
    ] : []),
    ['left', list(left.map((it) => `${clock(it.at, true)} by ${it.cause} (${CAUSES[it.cause] ?? ''}), ${lasts(it.detected_ms)} after its last sign of life${(it.stop_ms ?? null) === null ? '' : `, camera told to stop after ${lasts(it.stop_ms)}`}${it.closed_ms === null ? '' : `, camera closed in ${lasts(it.closed_ms)}`}`))],
  ].filter(([, value]) => value);
}

function whyNot({ live }, actor, what) {
  if (!live) return 'Go live first: this is the past.';
  if (!actor) return 'It is not there.';
  if (parentOf(actor.path) === '') return 'The root ends with the server.';
  if (what === 'restart') return 'It lives once.';
  return actor.state === 'running' ? 'The server does not allow it: `allow_kill = true` in [debug] does.' : 'It does not run.';
}
