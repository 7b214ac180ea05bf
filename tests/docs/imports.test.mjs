// The house as it is imported: no circles, nothing upward, and a drawing of it that is true.

import assert from 'node:assert/strict';
import test from 'node:test';
import { circles, draw, house, lengths, rooms, upward } from '../../docs/imports.mjs';
import { read } from './support.mjs';

const found = house();

/** A drawing without the figures that change with every line that is written. */
const shape = (drawing) => drawing.replace(/<text class="n"[\s\S]*?<\/text>\n?/g, '');

test('the imports of the whole house are found', () => {
  assert.ok(found.files.length > 200, `${found.files.length} files`);
  const all = [...found.arrows].flatMap(([, to]) => [...to]).length;
  assert.ok(all > 500, `${all} imports`);
  // One of each way in which a file is named: by its crate, by its neighbor, by what a face hands on, by another crate.
  for (const [from, to] of [
    ['actors/src/peer.rs', 'actors/src/departure/presence.rs'],
    ['actors/src/supervisor/shell.rs', 'actors/src/supervisor/plan.rs'],
    ['src/http/ws.rs', 'src/http/beacon.rs'],
    ['src/capture/exec.rs', 'actors/src/ports/capture.rs'],
  ]) assert.ok(found.arrows.get(from).has(to), `${from} imports ${to}`);
});

test('no files import each other, nor do rooms', () => {
  assert.deepEqual(circles(found.arrows), []);
  assert.deepEqual(circles(new Map([...rooms(found)].map(([name, { to }]) => [name, to]))), []);
});

test('a circle is found where there is one', () => {
  const arrows = new Map([['a', ['b']], ['b', ['c']], ['c', ['b', 'd']], ['d', []]]);
  assert.deepEqual(circles(arrows), [['b', 'c']]);
});

test('actors import nothing of the world', () => {
  assert.deepEqual(upward(found), []);
});

test('the drawing shows the house as it is', () => {
  const drawing = read('docs/design/imports.svg');
  assert.equal(shape(drawing), shape(draw(found)), 'made by ./dev imports');
  for (const crate of ['lenscap_actors', 'lenscap']) {
    const { median } = lengths(found, crate);
    const drawn = [...drawing.matchAll(/median (\d+) lines/g)].map(([, lines]) => Number(lines));
    assert.ok(drawn.some((lines) => Math.abs(lines - median) <= median / 10), `${crate}: ${median} lines, drawn are ${drawn}`);
  }
});

test('files stay short enough to hold one thing each', () => {
  for (const crate of ['lenscap_actors', 'lenscap']) {
    const { median, longest, name } = lengths(found, crate);
    assert.ok(median <= 150 && longest <= 500, `${crate}: median ${median}, longest ${longest} (${name})`);
  }
});

test('modules are files beside the folder of their parts', () => {
  const wrong = found.files.filter(({ path }) => path.endsWith('/mod.rs'));
  assert.deepEqual(wrong, []);
});
