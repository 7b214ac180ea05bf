// The ledger of leavings: each a line on a time scale from the last sign of life over the verdict to the closed camera, and how they
// spread, by cause.

import { attribute, el, Rows, style, text } from './dom.js';
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
    const it = this.#entries.get(key);
    const line = el('div', { class: 'track' });
    style(line, '--silent', `${before(it.detected_ms)}%`);
    style(line, '--closed', `${it.closed_ms === null ? MIDDLE : after(it.closed_ms)}%`);
    line.append(el('i', { class: 'silent' }), ...(it.closed_ms === null ? [] : [el('i', { class: 'closing' }), el('i', { class: 'closed' })]), el('i', { class: 'verdict' }));
    const title = `${CAUSES[it.cause] ?? it.cause}. Last sign of life ${lasts(it.detected_ms)} before the verdict; `
      + (it.closed_ms !== null ? `camera closed ${lasts(it.closed_ms)} after it.` : it.verdict ? 'its camera had been let go before.' : 'others still watch.');
    const returned = el('span', { class: 'returned' });
    const element = el('tr', { title },
      el('th', { scope: 'row' }, el('time', {}, clock(it.at)), ' ', el('a', { href: `#root/peers/${it.peer}` }, it.peer)),
      el('td', { class: 'what' }, it.stream ? `${it.stream} ` : '', el('span', { class: 'cause' }, it.cause), returned),
      el('td', { class: 'scale' }, line),
      el('td', { class: 'number' }, lasts(it.detected_ms)),
      el('td', { class: 'number' }, it.closed_ms === null ? '–' : lasts(it.closed_ms)));
    const update = () => {
      const now = this.#entries.get(key);
      text(returned, now.returned_ms === null || now.returned_ms === undefined ? '' : ` back after ${lasts(now.returned_ms)}`);
      attribute(element, 'aria-current', this.#view.selected === `root/peers/${it.peer}` ? 'true' : null);
    };
    return { element, update };
  }
}

/** Releases, and the verdicts that released nothing, by keys, the latest last. */
export function entries(report) {
  const found = [...report.releases.values()].map((it) => ({ ...it, key: `release ${it.nth}` }));
  const known = new Map(found.map((it) => [`${it.peer} ${it.cause}`, it]));
  for (const it of report.verdicts.values()) {
    const release = known.get(`${it.peer} ${it.cause}`);
    if (release) release.returned_ms = it.returned_ms;
    else found.push({ ...it, key: `verdict ${it.nth}`, verdict: true, detected_ms: it.silence_ms, closed_ms: null });
  }
  return new Map(found.sort((a, b) => a.at - b.at).map((it) => [it.key, it]));
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
  const short = (ms) => `${ms / 1000} s`;
  return el('div', { class: 'track axis' },
    tick(0, 'last sign of life', 'tick first'), tick(MIDDLE, 'verdict', 'tick middle'), tick(100, 'closed', 'tick last'),
    ...TICKS.map((ms) => tick(before(ms), short(ms))),
    ...TICKS.map((ms) => tick(after(ms), short(ms))));
}
