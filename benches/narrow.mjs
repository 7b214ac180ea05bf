// What narrow links and floods of requests do: to those who are behind them, and to those beside.
//
// node narrow.mjs [SCENARIO …] [--seconds S]. The viewers are str0m's and ask for keyframes as browsers do. Every
// link is in a network namespace that is gone at the end. Nothing is judged here: the figures are.

import { figures, report } from './table.mjs';
import { adaptive } from './narrow/adaptive.mjs';
import { chromium } from './narrow/chromium.mjs';
import { crowd, nack, offers, pli } from './narrow/floods.mjs';
import { foreign } from './narrow/foreign.mjs';
import { random } from './narrow/random.mjs';
import { dip, joins, stock } from './narrow/shared.mjs';
import { slow } from './narrow/slow.mjs';

const scenarios = { slow, dip, joins, stock, 'joins-foreign': foreign, 'joins-chromium': chromium, adaptive, pli, nack, offers, crowd, random };

const words = process.argv.slice(2);
const at = words.indexOf('--seconds');
const seconds = at < 0 ? undefined : Number(words.splice(at, 2)[1]);
const unknown = words.find((word) => !Object.hasOwn(scenarios, word));
if (unknown !== undefined) throw new Error(`no scenario ${unknown}: ${Object.keys(scenarios).join(', ')}`);

const rows = [];

/** A row. What never came about is counted, and is in no other figure. */
function add(what, series, failure) {
  const came = series.filter((value) => Number.isFinite(value));
  const seen = came.length > 0 ? figures(came) : { runs: 0 };
  rows.push({ what, ...seen, never: series.length - came.length, failure: failure ?? undefined });
  console.error(JSON.stringify(rows.at(-1)));
}

for (const name of words.length > 0 ? words : Object.keys(scenarios)) {
  try {
    await scenarios[name](add, { seconds });
  } catch (error) {
    // The others can be measured all the same.
    console.error(error);
    add(`${name}: failed`, [], error.message.split('\n')[0]);
  }
}
// The first row's columns are the table's.
rows[0] = { what: '', runs: 0, min: undefined, median: undefined, max: undefined, ...rows[0] };
report('narrow', 'unit as said', rows);
