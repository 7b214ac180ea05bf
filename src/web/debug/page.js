// The page at /debug: puts the views together, and draws what has changed once a frame.

import { attribute, el, text } from '../dom.js';
import { Cameras } from './cameras.js';
import { Detail } from './detail.js';
import { follow } from './feed.js';
import { matcher } from './filter.js';
import { History } from './history.js';
import { Ledger } from './ledger.js';
import { Rates } from './rates.js';
import { Report } from './report.js';
import { Summary } from './summary.js';
import { Threads } from './threads.js';
import { Timeline } from './timeline.js';
import { Tree } from './tree.js';
import { Viewers } from './viewers.js';
import { lasts, MARKS } from './words.js';

const [status, lost, main, search] = ['status', 'lost', 'observer', 'search'].map((id) => document.getElementById(id));

const known = new Report();
const history = new History();
const rates = new Rates();

/** What of the past is shown, and how fast things went then. */
let past = null;
let pastRates = null;

/** The names of what has changed since it was drawn last; null: all is drawn. */
let changed = null;
let asked = false;
let answers = false;

/** What is looked for. */
let looked = { words: '', match: null };

const again = () => draw(null);
const timeline = new Timeline(history, (moment) => {
  past = moment === null ? null : history.at(moment);
  pastRates = moment === null ? null : new Rates();
  if (past) {
    for (const report of [history.at(moment - 1500), past]) measure(report, pastRates);
  }
  again();
});
const detail = new Detail(() => {
  // An empty fragment would be the top of the page.
  globalThis.history.pushState(null, '', location.pathname + location.search);
  again();
});
const summary = new Summary();
const legend = el('ul', { class: 'legend', 'aria-label': 'What the marks mean' },
  ...Object.entries(MARKS).map(([mark, means]) => el('li', {}, el('span', { class: 'mark', 'data-mark': mark, 'aria-hidden': 'true' }), means)));

/** What is shown, in columns: on a wide screen there are three of them. */
const columns = [
  { Actors: ['actors', new Tree(again), legend], Threads: ['threads', new Threads()] },
  { Cameras: ['cameras', new Cameras()], Viewers: ['viewers', new Viewers(again)] },
  { Leavings: ['ledger', new Ledger(again)] },
];
const shown = [summary, ...columns.flatMap((column) => Object.values(column).map(([, view]) => view)), detail];

function measure(report, into) {
  for (const [path, { handled }] of report.actors) into.of(path, handled, report.at);
  for (const [id, { frames }] of report.streams) into.of(`stream ${id}`, frames, report.at);
  for (const [id, { cpu_ms: cpu }] of report.threads) into.of(`thread ${id}`, cpu, report.at);
}

/** Measures again what was counted: only that has a new time. */
function measureCounted(told) {
  for (const name of told.actors) if (known.actors.has(name)) rates.of(name, known.actors.get(name).handled, known.at);
  for (const name of told.streams) if (known.streams.has(name)) rates.of(`stream ${name}`, known.streams.get(name).frames, known.at);
  for (const name of told.threads) if (known.threads.has(name)) rates.of(`thread ${name}`, known.threads.get(name).cpu_ms, known.at);
}

function selected() {
  const path = decodeURIComponent(location.hash.slice(1));
  return path.startsWith('root') ? path : null;
}

function draw(names) {
  if (names === null) changed = null;
  else if (changed) for (const [table, set] of Object.entries(names)) set.forEach((name) => changed[table].add(name));
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const report = past ?? known;
    if (!answers) return;
    if (search.value !== looked.words) looked = { words: search.value, match: matcher(search.value) };
    const view = { report, live: !past, changed: past ? null : changed, match: looked.match, rates: pastRates ?? rates, selected: selected() };
    changed = Object.fromEntries(Object.keys(emptied).map((table) => [table, new Set()]));
    for (const it of shown) it.show(view);
    timeline.show(known);
    // Shown when it is whole: what is filled in later would move what is beneath.
    attribute(main, 'hidden', false);
    attribute(document.body, 'data-past', Boolean(past));
  });
}

const emptied = { actors: 0, threads: 0, exits: 0, cameras: 0, streams: 0, peers: 0, releases: 0, verdicts: 0, departures: 0 };

/** When the browser has time. */
const later = (work) => (window.requestIdleCallback ? requestIdleCallback(work, { timeout: 5000 }) : setTimeout(work, 200));
let noting = false;

function take(kind, words) {
  const told = known.take(kind, JSON.parse(words));
  history.note(kind, words, known);
  if (history.wantsWhole && !noting) {
    noting = true;
    // It takes as long as a frame may, so it waits for a moment in which there is nothing to draw.
    later(() => {
      noting = false;
      history.noteWhole(known);
      rates.retain(new Set([...known.actors.keys(), ...[...known.streams.keys()].map((id) => `stream ${id}`), ...[...known.threads.keys()].map((id) => `thread ${id}`)]));
    });
  }
  if (kind === 'report') measure(known, rates);
  else measureCounted(told);
  answers = true;
  text(lost, '');
  text(status, `lenscap ${known.version}, up for ${lasts(Math.floor(known.uptime_ms / 60_000) * 60_000 || Math.floor(known.uptime_ms / 1000) * 1000)}`);
  draw(kind === 'report' ? null : told);
}

function section(title, [id, view, ...more]) {
  return el('section', { id, 'aria-labelledby': `${id}-title` }, el('h2', { id: `${id}-title` }, title), view.element, ...more);
}

main.append(summary.element, timeline.element,
  el('div', { class: 'columns' }, ...columns.map((column) => el('div', {}, ...Object.entries(column).map(([title, what]) => section(title, what))))),
  detail.element);

search.addEventListener('input', again);
for (const type of ['hashchange', 'popstate']) addEventListener(type, again);
addEventListener('keydown', (event) => {
  const typing = event.target.matches?.('input:not([type=range]), textarea') || event.ctrlKey || event.metaKey || event.altKey;
  if (event.key === '/' && !typing) {
    event.preventDefault();
    search.focus();
  }
  if (event.key === 'Escape' && event.target === search) {
    search.value = '';
    again();
  } else if (event.key === 'Escape' && selected() && !event.target.closest?.('dialog')) {
    // A question that is called off has only itself to close.
    detail.close();
  }
});
follow(take, (words) => {
  text(status, '');
  text(lost, words);
});
