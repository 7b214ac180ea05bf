// The supervision tree: who lives below whom, what each is doing, and who has died just now.

import { attribute, el, Rows, style, text } from '../dom.js';
import { FADES_MS, mark } from './marks.js';
import { nameOf } from './report.js';
import { age, badness, clock, lasts, markOf, meaning, perSecond, plural, RESTARTS, STRATEGIES } from './words.js';

/** With more siblings than this that have children of their own, those are shown as marks until somebody asks. */
const OPEN_MAX = 8;

/** Ghosts at most, of all who have died in the last minute. */
const GHOSTS_MAX = 200;

/** A message in work for longer than this is worth a look, ms. */
const LONG_MS = 500;

const VIEWERS = 'root/peers';

export class Tree {
  #list = el('ul', { class: 'tree' });
  #rows = new Rows(this.#list, (path) => this.#node(path));
  /** What somebody has opened or closed by hand. */
  #toggled = new Map();
  #view = null;
  #again;

  /** `again` is called when something has been opened or closed. */
  constructor(again) {
    this.#again = again;
    this.element = el('div', { class: 'scroll' },
      el('div', { class: 'node head', 'aria-hidden': 'true' },
        el('span', {}, 'actor'),
        el('span', { title: 'how long this incarnation has been running' }, 'up'),
        el('span', { title: 'how often it was started again; of a supervisor: restarts against its budget' }, 'restarts'),
        el('span', { title: 'messages that wait: orders · traffic. Orders (who leaves) are handled before traffic (frames, datagrams).' }, 'waiting'),
        el('span', { title: 'messages handled a second' }, 'msg/s'),
        el('span', { title: 'the message that is being handled, or how it ended last' }, 'in work, last exit')),
      this.#list);
  }

  show(view) {
    this.#view = view;
    this.#rows.show(view.report.children.get('') ?? []);
  }

  #isOpen(path) {
    const { report, match } = this.#view;
    if (match) return true;
    const asked = this.#toggled.get(path);
    if (asked !== undefined) return asked;
    const siblings = report.children.get(path.slice(0, path.lastIndexOf('/'))) ?? [];
    return siblings.length <= OPEN_MAX;
  }

  #matches(path) {
    const { report, match } = this.#view;
    if (!match) return true;
    return match(path, report.actors.get(path).state) || (report.children.get(path) ?? []).some((child) => this.#matches(child));
  }

  #node(path) {
    const state = mark();
    const name = el('a', { href: `#${path}` }, nameOf(path));
    const toggle = el('button', {
      class: 'toggle', type: 'button', 'aria-label': `Children of ${nameOf(path)}`,
      onclick: () => {
        this.#toggled.set(path, toggle.getAttribute('aria-expanded') !== 'true');
        this.#again();
      },
    });
    const inline = el('span', { class: 'inline' });
    const cells = { up: el('span'), restarts: el('span'), waiting: el('span'), rate: el('span'), work: el('span', { class: 'work' }) };
    const pips = el('i', { class: 'budget', 'aria-hidden': 'true' });
    const restarts = el('span');
    cells.restarts.append(pips, restarts);
    const row = el('div', { class: 'node' }, el('span', { class: 'name' }, toggle, state.element, name, inline), ...Object.values(cells));
    const list = el('ul');
    const field = path === VIEWERS ? new Field() : null;
    const below = field ? null : new Rows(list, (child) => this.#node(child));
    const marks = new Rows(inline, (child) => small(child, () => this.#view.report));
    const element = el('li', {}, row, ...(field ? [field.element] : [list]));
    const update = () => {
      const { report, rates, selected } = this.#view;
      const actor = report.actors.get(path);
      const children = field ? [] : report.children.get(path) ?? [];
      state.set('actor', actor.state);
      attribute(name, 'aria-current', selected === path ? 'true' : null);
      attribute(name, 'title', `${actor.kind}; ${RESTARTS[actor.restart] ?? 'the root of all'}${actor.strategy ? `. ${STRATEGIES[actor.strategy]}` : ''}`);
      const canOpen = children.length > 0;
      const open = canOpen && this.#isOpen(path);
      attribute(toggle, 'aria-expanded', canOpen ? String(open) : null);
      attribute(toggle, 'hidden', !canOpen);
      text(cells.up, actor.since === null ? '–' : age(report.at - actor.since));
      attribute(cells.up, 'title', actor.since === null ? null : `since ${clock(actor.since)}`);
      const { budget } = actor;
      text(restarts, budget ? `${budget.spent}/${budget.restarts}` : actor.restarts > 0 ? String(actor.restarts) : '');
      attribute(cells.restarts, 'title', budget
        ? `${budget.spent} restarts of its children within ${lasts(budget.period_ms)}; it bears ${budget.restarts}. It was itself started again ${plural(actor.restarts, 'time')}.`
        : `started again ${plural(actor.restarts, 'time')}`);
      attribute(pips, 'hidden', !budget?.spent);
      if (budget) style(pips, '--spent', String(Math.min(1, budget.spent / Math.max(1, budget.restarts))));
      attribute(cells.restarts, 'data-some', (budget?.spent ?? actor.restarts) > 0);
      const { orders = 0, traffic = 0 } = actor.lanes ?? {};
      text(cells.waiting, `${orders} · ${traffic}`);
      attribute(cells.waiting, 'data-some', orders + traffic > 0);
      text(cells.rate, perSecond(rates.last(path)));
      this.#doing(cells.work, actor, report.at);
      if (field) field.show(this.#view);
      else below.show(open ? children.filter((child) => this.#matches(child)) : []);
      marks.show(canOpen && !open ? children : []);
    };
    return { element, update };
  }

  #doing(cell, actor, now) {
    const exit = actor.last_exit;
    const recent = exit && now - exit.at < FADES_MS;
    const words = actor.work ? `${actor.work.message} ${lasts(Math.max(0, now - actor.work.since))}` : recent || (exit && actor.state !== 'running') ? exit.reason : '';
    text(cell, words);
    attribute(cell, 'title', exit ? `ended last at ${clock(exit.at)}: ${exit.reason}` : null);
    const long = actor.work && now - actor.work.since > LONG_MS;
    attribute(cell, 'class', long || (!actor.work && words) ? 'work ended' : 'work');
  }
}

/** A child in one mark beside its parent. */
function small(path, report) {
  const state = mark({ silent: true });
  const element = el('span', { class: 'small' }, state.element);
  return { element, update: () => state.set('actor', report().actors.get(path).state, nameOf(path)) };
}

/** All viewers as a field of marks, with those who have left lately fading among them. */
class Field {
  #words = el('p', { class: 'note' });
  #marks = el('div', { class: 'field', 'aria-hidden': 'true' });
  #rows = new Rows(this.#marks, (id) => this.#dot(id));
  #ghosts = el('div', { class: 'field ghosts', 'aria-hidden': 'true' });
  #dead = new Rows(this.#ghosts, (nth) => this.#ghost(nth));
  #view = null;

  constructor() {
    this.element = el('div', { class: 'viewers-field' }, this.#words, this.#marks, this.#ghosts);
  }

  show(view) {
    this.#view = view;
    const { report, changed, match } = view;
    const shown = (id) => !match || match(id, report.peers.get(id).stream, report.peers.get(id).state);
    const ids = [...report.peers.keys()].filter(shown);
    this.#rows.show(ids, changed?.peers);
    const exits = [...report.exits.values()].filter(({ path }) => path.startsWith(`${VIEWERS}/`)).slice(-GHOSTS_MAX);
    // It fades by itself; only who goes to another moment has to be told how far.
    this.#dead.show(exits.map(({ nth }) => String(nth)).reverse(), changed ? new Set() : null);
    text(this.#words, (ids.length === 0 ? 'nobody watches' : plural(ids.length, 'viewer')) + (exits.length > 0 ? `, ${exits.length} left in the last minute` : ''));
  }

  #dot(id) {
    const state = mark({ silent: true });
    const element = el('a', { href: `#${VIEWERS}/${id}`, class: 'small', tabindex: '-1' }, state.element);
    return { element, update: () => state.set('peer', this.#view.report.peers.get(id).state, id) };
  }

  #ghost(nth) {
    const { path, reason, at } = this.#view.report.exits.get(nth);
    const element = el('a', { href: `#${path}`, class: 'small ghost', tabindex: '-1', title: `${nameOf(path)}: ${reason}, ${clock(at)}` });
    return { element, update: () => style(element, '--gone', `${at - this.#view.report.at}ms`) };
  }
}

/** How the actors are, in few words: how many are in which state, the worst first. */
export function countByState(report) {
  const counts = new Map();
  for (const { state } of report.actors.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => badness(markOf('actor', a)) - badness(markOf('actor', b)))
    .map(([state, count]) => ({ state, count, means: meaning('actor', state) }));
}
