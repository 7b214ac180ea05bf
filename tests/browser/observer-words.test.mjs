// What the page of /debug makes of what it is told, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { consequences, possible } from '../../src/web/debug/consequences.js';
import { History } from '../../src/web/debug/history.js';
import { outcome } from '../../src/web/debug/ledger.js';
import { Rates } from '../../src/web/debug/rates.js';
import { Report } from '../../src/web/debug/report.js';
import { after, before, MIDDLE } from '../../src/web/debug/scale.js';
import { changes, random, World } from './support/observer.mjs';
import { ROOT } from './support/server.mjs';

/** The same without the order of things that are known by their names. */
function sorted({ columns: _, ...report }) {
  const by = (list, key) => list.toSorted((a, b) => (String(a[key]) < String(b[key]) ? -1 : 1));
  return { ...report, threads: by(report.threads, 'id'), cameras: by(report.cameras, 'id'), streams: by(report.streams, 'id'), peers: by(report.peers, 'id') };
}

const plain = (report) => sorted(JSON.parse(JSON.stringify(report)));

test('whoever is told changes knows the same as whoever asks', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const chance = random(seed);
    const world = new World({ cameras: 1 + seed % 5, viewers: seed * 2, trouble: seed % 2 === 0, chaos: seed % 3 > 0, seed });
    let told = world.report();
    const known = new Report();
    known.take('report', structuredClone(told));
    for (let step = 0; step < 60; step += 1) {
      const now = world.step(Math.floor(chance() * 3000), { comings: chance() }).report();
      known.take('changes', JSON.parse(JSON.stringify(changes(told, now))));
      told = now;
      assert.deepEqual(plain(known), sorted(now), `seed ${seed}, step ${step}`);
    }
  }
});

test('what the server tells leads to what it knows', () => {
  // Written by src/http/debug/report.rs, whose test sees to it that this is what it says today.
  const { begins, steps } = JSON.parse(readFileSync(join(ROOT, 'tests/debug-events.json'), 'utf8'));
  const known = new Report();
  known.take('report', begins);
  assert.ok(steps.length > 3);
  for (const [nth, { changes: told, whole }] of steps.entries()) {
    known.take('changes', told);
    assert.deepEqual(plain(known), sorted(whole), `step ${nth}`);
  }
});

test('a report that comes later replaces all', () => {
  const known = new Report();
  known.take('report', new World({ cameras: 3, viewers: 5 }).report());
  const [viewer] = known.peers.keys();
  const { peers } = known.take('report', new World({ cameras: 1, viewers: 1, seed: 9 }).report());
  assert.ok(peers.has(viewer), 'whoever is gone has changed');
  assert.equal(known.cameras.size, 1);
  assert.deepEqual(known.children.get('root/cameras'), ['root/cameras/front']);
});

test('every moment that is remembered can be shown again, and no more is remembered than is allowed', () => {
  const world = new World({ cameras: 2, viewers: 6, chaos: true });
  const history = new History({ age: 120_000, characters: 1e9 });
  const known = new Report();
  let told = world.report();
  const first = told.at;
  known.take('report', structuredClone(told));
  history.note('report', JSON.stringify(told), known);
  const seen = [];
  for (let step = 0; step < 400; step += 1) {
    const now = world.step(1000, { comings: 0.5 }).report();
    const text = JSON.stringify(changes(told, now));
    known.take('changes', JSON.parse(text));
    history.note('changes', text, known);
    if (history.wantsWhole) history.noteWhole(known);
    told = now;
    seen.push(now);
  }
  assert.ok(history.first > first, 'the oldest is forgotten');
  assert.ok(history.last - history.first >= 120_000 && history.last - history.first <= 190_000, `${history.last - history.first}`);
  for (const then of seen.filter(({ at }) => at >= history.first)) assert.deepEqual(plain(history.at(then.at)), sorted(then));
  assert.equal(history.at(history.first - 1).at, history.first, 'before that there is nothing');
});

test('a history that would grow too large forgets earlier', () => {
  const world = new World({ cameras: 2, viewers: 6 });
  const history = new History({ age: 600_000, characters: 300_000 });
  const known = new Report();
  let told = world.report();
  known.take('report', structuredClone(told));
  history.note('report', JSON.stringify(told), known);
  for (let step = 0; step < 550; step += 1) {
    const now = world.step(1000).report();
    const text = JSON.stringify(changes(told, now));
    known.take('changes', JSON.parse(text));
    history.note('changes', text, known);
    if (history.wantsWhole) history.noteWhole(known);
    told = now;
  }
  assert.ok(history.last - history.first < 400_000, `${history.last - history.first}`);
  assert.deepEqual(plain(history.at(history.last)), sorted(told));
});

test('after the clock of the server was set back a history is of what came after that, and as bounded as ever', () => {
  const world = new World({ cameras: 2, viewers: 6 });
  const history = new History({ age: 120_000, characters: 1e9 });
  const known = new Report();
  let told = world.report();
  known.take('report', structuredClone(told));
  history.note('report', JSON.stringify(told), known);
  for (let step = 0; step < 400; step += 1) {
    const now = world.step(step === 50 ? -7_200_000 : 1000).report();
    const text = JSON.stringify(changes(told, now));
    known.take('changes', JSON.parse(text));
    history.note('changes', text, known);
    if (history.wantsWhole) history.noteWhole(known);
    told = now;
    assert.ok(history.first <= history.last && history.last === now.at);
  }
  assert.ok(history.last - history.first <= 190_000, `${history.last - history.first}`);
  assert.deepEqual(plain(history.at(history.last)), sorted(told));
});

test('what an order will do is said by the rules of the supervisor', () => {
  const world = new World({ cameras: 2, viewers: 0 });
  const { report } = { report: new Report() };
  report.take('report', world.report());
  report.streams.get('front').subscribers = ['peer-1', 'peer-2'];
  const kill = consequences(report, 'root/cameras/front/device', 'kill').join(' ');
  assert.match(kill, /stream-front~small and stream-front were started after it and depend on it/);
  assert.match(kill, /2 viewers keep their connections; their pictures pause/);
  assert.match(kill, /against the budget of front: 1 of 10 restarts in 1 min/);
  const last = consequences(report, 'root/cameras/front/stream-front~small', 'restart').join(' ');
  assert.match(last, /No sibling goes with it/);
  assert.match(last, /does not count against the budget/);
  report.actors.get('root/cameras/front').budget.spent = 10;
  assert.match(consequences(report, 'root/cameras/front/device', 'kill').join(' '), /it will give up, and end with all its children/);
  const branch = consequences(report, 'root/cameras/porch', 'restart').join(' ');
  assert.match(branch, /3 actors below it end with it/);
});

test('orders that make no sense cannot be given', () => {
  const report = new Report();
  report.take('report', new World({ cameras: 1, viewers: 1 }).report());
  const can = (path, what) => possible(report, path, what);
  assert.deepEqual(['restart', 'kill'].map((what) => can('root', what)), [false, false]);
  const [viewer] = report.children.get('root/peers');
  assert.deepEqual(['restart', 'kill'].map((what) => can(viewer, what)), [false, true]);
  assert.deepEqual(['restart', 'kill'].map((what) => can('root/cameras/front', what)), [true, true]);
  assert.equal(can('root/nobody', 'restart'), false);
  report.allow_kill = false;
  assert.equal(can('root/cameras/front', 'kill'), false);
});

test('rates are those between the last two counts, and begin anew with what is counted', () => {
  const rates = new Rates();
  assert.equal(rates.of('a', 100, 1000), null);
  assert.equal(rates.of('a', 150, 2000), 50);
  assert.equal(rates.of('a', 150, 2000), 50, 'told twice');
  assert.equal(rates.of('a', 20, 3000), 20, 'it was started again');
  rates.retain(new Set());
  assert.equal(rates.last('a'), null);
});

test('what became of a camera is said as far as it is known', () => {
  const said = (stop, closed, more = {}) => outcome({ stop_ms: stop, closed_ms: closed, released: true, ...more });
  assert.equal(said(0.4, 12), 'camera told to stop 0.4 ms after it, closed 12 ms after it');
  assert.equal(said(0.4, null), 'camera told to stop 0.4 ms after it, and not closed in time');
  assert.equal(said(undefined, 12), 'camera closed 12 ms after it');
  assert.equal(said(null, null), 'others still watch');
  assert.equal(said(null, null, { released: false, before: true }), 'its camera had been let go before');
});

test('the scale has the verdict in the middle, and more time farther from it', () => {
  assert.equal(before(0), MIDDLE);
  assert.equal(after(0.4), MIDDLE);
  assert.ok(before(3200) < before(400) && before(400) < before(20) && before(1e9) === 0);
  assert.ok(after(4) < after(300) && after(1e9) === 100);
});
