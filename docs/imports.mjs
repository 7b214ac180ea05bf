#!/usr/bin/env node
// Draws which rooms of the house import which, and fails on a circle of files and on an arrow from actors/ to src/:
// `./dev imports`. A room is a top-level module; what it is made of are the files of that name and in that folder.

import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
export const TO = join(ROOT, 'docs/design/imports.svg');

/** Where the modules of each crate are. */
const CRATES = { lenscap_actors: 'actors/src', lenscap: 'src' };

/** Rust without comments, texts, and what only tests have. */
function plain(text) {
  const bare = text.replace(/\/\/.*$/gm, '').replace(/"(?:\\[\s\S]|[^"\\])*"/g, '""');
  return bare.replace(/\bpub\([^)]*\)/g, 'pub').replace(/^#\[cfg\(test\)\]\n(?:#.*\n)*(?:pub(?:\(.*?\))? )?mod \w+ (\{[\s\S]*?^\}|.*;)/gm, '');
}

/** All files of a crate but its tests: path, lines, and what is in it. */
function modules(crate) {
  const base = CRATES[crate];
  const walk = (folder) => readdirSync(join(ROOT, folder)).sort().flatMap((name) => {
    const path = join(folder, name);
    if (statSync(join(ROOT, path)).isDirectory()) return walk(path);
    return name.endsWith('.rs') && name !== 'tests.rs' ? [path] : [];
  });
  return walk(base).map((path) => {
    const names = path.slice(base.length + 1, -'.rs'.length).split('/');
    const isRoot = names.length === 1 && ['lib', 'main'].includes(names[0]);
    const text = readFileSync(join(ROOT, path), 'utf8');
    return { crate, path, names: isRoot ? [] : names, isMain: names[0] === 'main', lines: text.split('\n').length - 1, code: plain(text) };
  });
}

/** The single paths of a `use`: [['a', 'b'], 'name it has here']. */
function branches(tree, before = []) {
  const group = /^([\s\S]*?)\{([\s\S]*)\}$/.exec(tree);
  const names = (text) => text.split('::').map((name) => name.trim()).filter(Boolean);
  if (group) {
    const parts = [];
    let depth = 0;
    let part = '';
    for (const sign of `${group[2]},`) {
      if (sign === ',' && depth === 0) {
        if (part.trim()) parts.push(part.trim());
        part = '';
      } else {
        depth += { '{': 1, '}': -1 }[sign] ?? 0;
        part += sign;
      }
    }
    return parts.flatMap((one) => branches(one, [...before, ...names(group[1])]));
  }
  const [path, as] = tree.split(/\sas\s/);
  const all = [...before, ...names(path)];
  if (all.at(-1) === 'self') all.pop();
  return [{ path: all, as: as?.trim() ?? all.at(-1) }];
}

/** What a file says of itself: the modules beneath it, what it hands on, and what it names. */
function read(module) {
  const uses = [...module.code.matchAll(/^ *(pub(?:\([^)]*\))? )?use ([^;]+);/gm)]
    .flatMap(([, shared, tree]) => branches(tree).map((use) => ({ ...use, shared: Boolean(shared) })));
  const rest = module.code.replace(/^ *(?:pub(?:\([^)]*\))? )?use [^;]+;/gm, '');
  const children = new Set([...rest.matchAll(/^ *(?:pub(?:\([^)]*\))? )?mod (\w+);/gm)].map(([, name]) => name));
  const own = new Set([...rest.matchAll(/\b(?:struct|enum|trait|type|fn|const|static|mod|union|macro_rules!) +(\w+)/g)].map(([, name]) => name));
  const spoken = [...rest.matchAll(/(?<![\w:.])((?:\w+::)+\w+)/g)].map(([, path]) => ({ path: path.split('::') }));
  return { ...module, uses, children, own, spoken };
}

/** All files by crate and module path. */
export function house() {
  const all = Object.keys(CRATES).flatMap(modules).map(read);
  const key = (crate, names) => [crate, ...names].join('::');
  const byName = new Map(all.filter((one) => !one.isMain).map((one) => [key(one.crate, one.names), one]));
  const beneath = (module, name) => byName.get(key(module.crate, [...module.names, name]));

  /** The file in which what a path names is defined, or none if that is not ours. `seen` ends circles of what is handed on. */
  function resolve(from, path, seen = new Set()) {
    const mark = `${from.path} ${path.join('::')}`;
    if (seen.has(mark)) return undefined;
    seen.add(mark);
    let at;
    let [first, ...rest] = path;
    if (first === 'crate') at = byName.get(key(from.crate, []));
    else if (first in CRATES) at = byName.get(key(first, []));
    else if (first === 'self') at = from;
    else if (first === 'super') {
      at = byName.get(key(from.crate, from.names.slice(0, -1)));
      for (; rest[0] === 'super'; rest = rest.slice(1)) at = byName.get(key(at.crate, at.names.slice(0, -1)));
    } else if (from.children.has(first)) at = beneath(from, first);
    else return undefined;
    return descend(at, rest, seen);
  }

  function descend(at, path, seen) {
    if (!at || path.length === 0) return at;
    const [name, ...rest] = path;
    if (at.children.has(name)) return descend(beneath(at, name), rest, seen);
    if (at.own.has(name) || name === '*') return at;
    const handed = at.uses.find((use) => use.shared && use.as === name && use.path.at(-1) !== '*');
    if (handed) return resolve(at, handed.path, seen) ?? at;
    for (const glob of at.uses.filter((use) => use.path.at(-1) === '*')) {
      const behind = resolve(at, glob.path.slice(0, -1), seen);
      if (behind?.own.has(name)) return behind;
    }
    return at;
  }

  const arrows = new Map(all.map((one) => [one.path, new Set()]));
  for (const one of all) {
    const handedOn = new Set();
    for (const { path, shared } of [...one.uses, ...one.spoken]) {
      const to = resolve(one, path);
      if (to && to !== one) (shared ? handedOn : arrows.get(one.path)).add(to.path);
    }
    // The face of a room hands on what is behind it; that alone is no need of its own.
    one.handedOn = handedOn;
  }
  return { files: all.map(({ path, crate, names, lines }) => ({ path, crate, names, lines })), arrows };
}

/** Sets of nodes that reach each other, of two or more (Tarjan). */
export function circles(arrows) {
  const found = [];
  const index = new Map();
  const low = new Map();
  const stack = [];
  const visit = (node) => {
    index.set(node, index.size);
    low.set(node, index.get(node));
    stack.push(node);
    for (const next of arrows.get(node) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) === index.get(node)) {
      const circle = stack.splice(stack.indexOf(node));
      if (circle.length > 1) found.push(circle.sort());
    }
  };
  for (const node of arrows.keys()) if (!index.has(node)) visit(node);
  return found;
}

/** The room of a file: its top-level module. */
const roomOf = (path) => {
  const [crate, base] = Object.entries(CRATES).find(([, folder]) => path.startsWith(`${folder}/`));
  return `${crate}::${path.slice(base.length + 1).replace(/\.rs$/, '').split('/')[0]}`;
};

/** The rooms of a house, and which of them import which. */
export function rooms({ files, arrows }) {
  const found = new Map();
  for (const file of files) {
    const name = roomOf(file.path);
    const room = found.get(name) ?? { crate: file.crate, name: name.split('::')[1], files: 0, lines: 0, to: new Set() };
    found.set(name, { ...room, files: room.files + 1, lines: room.lines + file.lines });
  }
  for (const [from, all] of arrows) for (const to of all) if (roomOf(from) !== roomOf(to)) found.get(roomOf(from)).to.add(roomOf(to));
  return found;
}

/** Arrows from actors/ to src/: there must be none. */
export const upward = ({ arrows }) => [...arrows].flatMap(([from, all]) => (
  [...all].filter((to) => from.startsWith('actors/') && to.startsWith('src/')).map((to) => `${from} -> ${to}`)
));

/** How long the files of a crate are. */
export function lengths({ files }, crate) {
  const own = files.filter((file) => file.crate === crate).sort((a, b) => a.lines - b.lines);
  const [middle, longest] = [own[Math.floor(own.length / 2)], own.at(-1)];
  return { files: own.length, median: middle.lines, longest: longest.lines, name: longest.path };
}

const BOX = { width: 118, height: 40, across: 18, down: 46 };
const WIDTH = 1180;

/** Each room of one crate with its floor: it stands above all that it imports. */
function floors(all, crate) {
  // lib.rs is the list of the others.
  const own = new Map([...all].filter(([, room]) => room.crate === crate && room.name !== 'lib'));
  const floor = new Map();
  const of = (name) => {
    if (!floor.has(name)) floor.set(name, 1 + Math.max(0, ...[...own.get(name).to].filter((to) => own.has(to)).map(of)));
    return floor.get(name);
  };
  const fromGround = [...own.keys()].sort((a, b) => of(b) - of(a) || (a < b ? -1 : 1));
  // And close beneath those that import it, so that arrows are short.
  for (const name of fromGround) {
    const above = fromGround.filter((other) => own.get(other).to.has(name)).map((other) => floor.get(other));
    if (above.length) floor.set(name, Math.min(...above) - 1);
  }
  // An arrow that follows from others says nothing new.
  const reach = (from, to) => from === to || [...own.get(from).to].some((next) => own.has(next) && reach(next, to));
  const arrows = [...own].flatMap(([from, { to }]) => {
    const next = [...to].filter((name) => own.has(name));
    return next.filter((name) => !next.some((other) => other !== name && reach(other, name))).map((name) => [from, name]);
  });
  return { own, floor, arrows };
}

/** Where the rooms of a crate stand; `top` is where their first row begins. */
function place({ own, floor, arrows }, top) {
  const last = Math.max(...floor.values());
  const rows = Array.from({ length: last }, (_, nth) => [...own.keys()].filter((name) => floor.get(name) === last - nth).sort());
  const x = new Map();
  const spread = (row) => row.forEach((name, nth) => x.set(name, (WIDTH - row.length * (BOX.width + BOX.across)) / 2 + nth * (BOX.width + BOX.across)));
  rows.forEach(spread);
  // Neighbours stand where their arrows lead, as far as that can be had: a few sweeps down and up.
  for (let sweep = 0; sweep < 24; sweep += 1) {
    for (const row of sweep % 2 ? rows : [...rows].reverse()) {
      const pull = new Map(row.map((name) => {
        const near = arrows.flatMap(([from, to]) => (from === name ? [x.get(to)] : to === name ? [x.get(from)] : []));
        return [name, near.length ? near.reduce((sum, at) => sum + at, 0) / near.length : x.get(name)];
      }));
      row.sort((a, b) => pull.get(a) - pull.get(b) || (a < b ? -1 : 1));
      spread(row);
    }
  }
  const y = (name) => top + (last - floor.get(name)) * (BOX.height + BOX.down);
  return { at: (name) => [x.get(name), y(name)], bottom: top + last * (BOX.height + BOX.down) };
}

/** The house as a picture. What changes with every line that is written is in elements of the class "n". */
export function draw(house) {
  const all = rooms(house);
  const out = [];
  const figure = (x, y, text, anchor = 'middle') => out.push(`<text class="n" x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`);
  let top = 64;
  for (const [crate, title] of [['lenscap', 'src: the world'], ['lenscap_actors', 'actors/src: who lives, who watches whom, who leaves and when']]) {
    const plan = floors(all, crate);
    const { at, bottom } = place(plan, top);
    const { files, median, longest, name } = lengths(house, crate);
    out.push(`<rect class="${crate}" x="8" y="${top - 40}" width="${WIDTH - 16}" height="${bottom - top + 8}" rx="10"/>`);
    out.push(`<text class="title" x="24" y="${top - 18}">${title}</text>`);
    figure(WIDTH - 24, top - 18, `${files} files, median ${median} lines, longest ${longest} (${name})`, 'end');
    for (const [from, to] of plan.arrows) {
      const [[x1, y1], [x2, y2]] = [at(from), at(to)].map(([x, y]) => [x + BOX.width / 2, y]);
      const [start, end, bend] = [y1 + BOX.height, y2 - 3, Math.max(22, (y2 - y1 - BOX.height) / 2)].map(Math.round);
      // A long one goes between the boxes that it passes, not behind them.
      const aside = plan.floor.get(from) - plan.floor.get(to) > 1 ? BOX.width * 0.85 : 0;
      const [a, b, c, d] = [x1, x1 + aside, x2 + aside, x2].map(Math.round);
      out.push(`<path d="M${a} ${start}C${b} ${start + bend} ${c} ${end - bend} ${d} ${end}" marker-end="url(#tip)"/>`);
    }
    for (const [key, room] of plan.own) {
      const [x, y] = at(key).map(Math.round);
      out.push(`<g><rect class="room" x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="5"/><text x="${x + BOX.width / 2}" y="${y + 17}" text-anchor="middle">${room.name}</text></g>`);
      figure(x + BOX.width / 2, y + 32, room.files === 1 ? `${room.lines} lines` : `${room.files} files, ${room.lines} lines`);
    }
    top = bottom + 72;
    if (crate === 'lenscap') {
      out.push(`<path class="between" d="M${WIDTH / 2} ${bottom - 30}V${top - 44}" marker-end="url(#tip)"/>`);
      const down = [...house.arrows].flatMap(([from, to]) => [...to].filter((name) => from.startsWith('src/') && name.startsWith('actors/')));
      figure(WIDTH / 2 + 14, bottom - 4, `${down.length} imports downward, ${upward(house).length} upward`, 'start');
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top - 96}" font-family="sans-serif" font-size="13">
<title>Which rooms import which. Made by ./dev imports</title>
<style>
text{fill:#1b2a33}text.title{font-weight:bold}text.n{font-size:10px;fill:#5b6b75}
path{fill:none;stroke:#6d7f8a;stroke-width:1.2}path.between{stroke-width:5;stroke:#9aa9b2}
rect.lenscap{fill:#f3f6f8}rect.lenscap_actors{fill:#f7f4ec}rect.room{fill:#fff;stroke:#93a4ae}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#6d7f8a;stroke:none"/></marker></defs>
<rect width="${WIDTH}" height="${top - 96}" fill="#fff"/>
${out.join('\n')}
</svg>
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = house();
  for (const crate of Object.keys(CRATES)) {
    const { files, median, longest, name } = lengths(found, crate);
    console.log(`${CRATES[crate]}: ${files} files, median ${median} lines, longest ${longest} (${name})`);
  }
  const between = new Map([...rooms(found)].map(([name, { to }]) => [name, to]));
  const wrong = [
    ...circles(found.arrows).map((circle) => `a circle of files: ${circle.join(', ')}`),
    ...circles(between).map((circle) => `a circle of rooms: ${circle.join(', ')}`),
    ...upward(found).map((arrow) => `upward: ${arrow}`),
  ];
  wrong.forEach((line) => console.error(line));
  if (wrong.length) process.exit(1);
  writeFileSync(TO, draw(found));
}
