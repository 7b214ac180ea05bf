// The ledger of leavings: each a line on a time scale from the last sign of life over the verdict and the order to stop to the closed
// camera, and how they spread, by cause.

import { attribute, el, Rows, style, text } from '../dom.js';
import { after, before, buckets, MIDDLE, TICKS } from './scale.js';
import { CAUSES, clock, lasts } from './words.js';

/** Lines that are shown until somebody asks for all. */
const LINES = 16;

/** Bars on either side of the verdict. */
const BARS = 14;

export class Ledger {
  #causes = el('tbody');
  #causeRows = new Rows(this.#causes, (cause) => this.#cause(cause));
  #lines = el('tbody');
  #lineRows = new Rows(this.#lines, (key) => this.#line(key));
  #none = el('p', { class: 'note' });
  #doubt = el('td', { colspan: '5' });
  #more;
  #all = false;
  #view = null;
  #entries = new Map();
  #by = new Map();
  #only = null;
  /** What was shown last. */
  #asked = [];

  constructor(again) {
    this.#more = el('button', { type: 'button', class: 'more', onclick: () => { this.#all = !this.#all; again(); } });
    this.element = el('div', { class: 'scroll' },
      el('table', { class: 'ledger' },
        el('thead', {}, el('tr', {},
          el('th', { scope: 'col', title: 'the sign by which a leaving was recognized' }, 'cause'),
          el('th', { scope: 'col', title: 'since the server was started' }, 'leavings'),
          el('th', { scope: 'col', class: 'scale' }, scale()),
          el('th', { scope: 'col', title: 'time from the last sign of life to the verdict; of a cause: the median' }, 'silence'),
          el('th', { scope: 'col', title: 'time from the verdict to the closed camera; of a cause: the median' }, 'closed in'))),
        this.#causes,
        el('tbody', { class: 'doubt' }, el('tr', {}, this.#doubt)),
        this.#lines),
      this.#none, this.#more);
    this.#again = again;
  }

  #again;

  show(view) {
    this.#view = view;
    const { report, match, changed, selected } = view;
    const asked = [match, selected, this.#only, this.#all];
    const news = !changed || ['releases', 'verdicts', 'departures'].some((table) => changed[table].size > 0);
    if (!news && asked.every((it, nth) => it === this.#asked[nth])) return;
    this.#asked = asked;
    this.#entries = entries(report);
    const matches = (it) => !match || match(it.peer, it.stream, it.camera, it.cause, `root/peers/${it.peer}`);
    const shown = [...this.#entries.values()].filter(matches);
    this.#by = Map.groupBy(shown, ({ cause }) => cause);
    const causes = (report.departures.causes ?? []).toSorted((a, b) => b.count - a.count).map(({ cause }) => cause);
    if (this.#only && !causes.includes(this.#only)) this.#only = null;
    this.#causeRows.show(causes);
    const lines = shown.filter(({ cause }) => !this.#only || cause === this.#only).reverse();
    this.#lineRows.show(lines.slice(0, this.#all ? undefined : LINES).map(({ key }) => key));
    attribute(this.#more, 'hidden', lines.length <= LINES);
    text(this.#more, this.#all ? `Show the last ${LINES} only` : `Show all ${lines.length} that are remembered`);
    text(this.#none, lines.length > 0 ? '' : causes.length > 0 && (match || this.#only) ? 'no leaving is like that' : 'Nobody has left yet.');
    const { suspicions = 0, suspicions_withdrawn: withdrawn = 0, picture_away: away, aways = 0, aways_back: backs = 0, returns_within_10s: returns = 0, probes = 0 } = report.departures;
    text(this.#doubt, `${suspicions} suspicions, ${withdrawn} withdrawn${away?.count ? ` (the picture was away for ${lasts(away.median_ms)} as a rule)` : ''}; `
      + `${aways} away, ${backs} back; ${probes} probes; ${returns} back within 10 s of a verdict, which was probably wrong.`);
  }

  #cause(cause) {
    const count = el('td');
    const silence = el('td', { class: 'number' });
    const closed = el('td', { class: 'number' });
    const left = bars();
    const right = bars();
    const only = el('button', {
      type: 'button', class: 'cause', title: CAUSES[cause] ?? null,
      onclick: () => { this.#only = this.#only === cause ? null : cause; this.#again(); },
    }, cause);
    const element = el('tr', {}, el('th', { scope: 'row' }, only), count, el('td', { class: 'scale' }, el('div', { class: 'track histogram', 'aria-hidden': 'true' }, left.element, right.element)), silence, closed);
    const update = () => {
      const summary = this.#view.report.departures.causes.find((it) => it.cause === cause);
      attribute(only, 'aria-pressed', String(this.#only === cause));
      text(count, String(summary.count));
      text(silence, lasts(summary.silence.median_ms));
      attribute(silence, 'title', spread(summary.silence));
      text(closed, lasts(summary.release.median_ms));
      attribute(closed, 'title', spread(summary.release));
      const known = this.#by.get(cause) ?? [];
      left.set(buckets(known.map((it) => it.detected_ms), BARS).reverse());
      right.set(buckets(known.filter((it) => it.closed_ms !== null).map((it) => it.closed_ms), BARS));
    };
    return { element, update };
  }

  #line(key) {
    const { at, peer, cause } = this.#entries.get(key);
    const [ordering, stop] = [el('i', { class: 'ordering' }), el('i', { class: 'stop' })];
    const [closing, closed] = [el('i', { class: 'closing' }), el('i', { class: 'closed' })];
    const line = el('div', { class: 'track' }, el('i', { class: 'silent' }), ordering, closing, closed, el('i', { class: 'verdict' }), stop);
    const [stream, returned] = [el('span', { class: 'stream-name' }), el('span', { class: 'returned' })];
    const [silence, took] = [el('td', { class: 'number' }), el('td', { class: 'number' })];
    const element = el('tr', {},
      el('th', { scope: 'row' }, el('time', {}, clock(at)), ' ', el('a', { href: `#root/peers/${peer}` }, peer)),
      el('td', {}, el('div', { class: 'what' }, stream, el('span', { class: 'cause' }, cause), returned)),
      el('td', { class: 'scale' }, line), silence, took);
    const update = () => {
      const it = this.#entries.get(key);
      const hasClosed = it.closed_ms !== null;
      const hasStop = (it.stop_ms ?? null) !== null;
      const stopped = hasStop ? after(it.stop_ms) : MIDDLE;
      attribute(element, 'title', `${CAUSES[cause] ?? cause}. Last sign of life ${lasts(it.detected_ms)} before the verdict; ${outcome(it)}.`);
      attribute(element, 'aria-current', this.#view.selected === `root/peers/${peer}` ? 'true' : null);
      style(line, '--silent', `${before(it.detected_ms)}%`);
      style(line, '--stop', `${stopped}%`);
      style(line, '--closed', `${hasClosed ? after(it.closed_ms) : stopped}%`);
      attribute(ordering, 'hidden', !hasStop);
      attribute(stop, 'hidden', !hasStop);
      attribute(closing, 'hidden', !hasClosed);
      attribute(closed, 'hidden', !hasClosed);
      text(stream, it.stream ?? '');
      attribute(stream, 'hidden', !it.stream);
      text(silence, lasts(it.detected_ms));
      text(took, hasClosed ? lasts(it.closed_ms) : '–');
      text(returned, it.returned_ms === null || it.returned_ms === undefined ? '' : `back ${lasts(it.returned_ms)}`);
      attribute(returned, 'title', returned.textContent && 'back so long after the verdict, which was probably wrong');
    };
    return { element, update };
  }
}

/** What became of the camera. */
export function outcome({ closed_ms: closed, stop_ms: stop = null, released, before: earlier }) {
  const told = stop === null ? '' : `camera told to stop ${lasts(stop)} after it, `;
  if (closed !== null) return told ? `${told}closed ${lasts(closed)} after it` : `camera closed ${lasts(closed)} after it`;
  if (told) return `${told}and not closed in time`;
  if (released) return 'others still watch';
  return earlier ? 'its camera had been let go before' : 'its camera is being let go';
}

/** Leavings by keys, the latest last: releases, and the verdicts that have released nothing, or not yet. */
export function entries(report) {
  const found = new Map();
  const known = new Set();
  for (const it of report.releases.values()) {
    known.add(it.peer);
    // Who is suspect, or away, may be so more than once.
    const key = ['suspected', 'away'].includes(it.cause) ? `${it.peer} ${it.nth}` : `${it.peer} ${it.cause}`;
    found.set(key, { ...it, key, released: true });
  }
  for (const it of report.verdicts.values()) {
    const key = `${it.peer} ${it.cause}`;
    const release = found.get(key);
    if (release) release.returned_ms = it.returned_ms;
    else found.set(key, { ...it, key, before: known.has(it.peer), detected_ms: it.silence_ms, closed_ms: null });
  }
  return new Map([...found.values()].sort((a, b) => a.at - b.at).map((it) => [it.key, it]));
}

function spread({ count, median_ms: median, p95_ms: p95, max_ms: max }) {
  return count ? `${count} times: median ${lasts(median)}, 95 % ${lasts(p95)}, longest ${lasts(max)}` : null;
}

function bars() {
  const all = Array.from({ length: BARS }, () => el('i'));
  return {
    element: el('span', { class: 'bars' }, ...all),
    set(counts) {
      const most = Math.max(1, ...counts);
      counts.forEach((count, nth) => style(all[nth], '--height', String(count === 0 ? 0 : Math.max(0.12, count / most))));
    },
  };
}

/** The head of the scale: ticks on both sides of the verdict. */
function scale() {
  const tick = (at, words, kind = 'tick') => {
    const made = el('span', { class: kind }, words);
    style(made, '--at', `${at}%`);
    return made;
  };
  // The outermost has the unit: there is no room for more.
  const short = (ms) => `${ms / 1000}${ms === TICKS.at(-1) ? ' s' : ''}`;
  // The shapes are those of the marks beneath.
  const ends = el('span', { class: 'tick last' }, el('i', { class: 'stop' }), ' stop ', el('i', { class: 'closed' }), ' closed');
  style(ends, '--at', '100%');
  return el('div', { class: 'track axis' },
    tick(0, 'last sign of life', 'tick first'), tick(MIDDLE, 'verdict', 'tick middle'), ends,
    ...TICKS.map((ms) => tick(before(ms), short(ms))),
    ...TICKS.map((ms) => tick(after(ms), short(ms))));
}
