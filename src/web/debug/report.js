// What the server knows, kept up to date by what /debug/events tells: everything at first, then changes.

const TABLES = { actors: 'path', threads: 'id', exits: 'nth', cameras: 'id', streams: 'id', peers: 'id', releases: 'nth', verdicts: 'nth' };

/** The path of whoever is above; empty above the root. */
export const parentOf = (path) => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** The last name of a path. */
export const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1);

/** Names in the order of the numbers within them. */
export const byName = new Intl.Collator('en', { numeric: true }).compare;

export class Report {
  /** Of the server's clock, ms since 1970. */
  at = 0;
  uptime_ms = 0;
  version = '';
  allow_kill = false;
  departures = {};
  /** Each table as a map from names to objects. Nodes of `actors` have no children: see `children`. */
  actors = new Map();
  threads = new Map();
  exits = new Map();
  cameras = new Map();
  streams = new Map();
  peers = new Map();
  releases = new Map();
  verdicts = new Map();
  /** The paths of those below each path, in the order of their starts. */
  children = new Map();
  #columns = {};
  #groups = {};

  /** Takes an event; gives the names in each table of what has changed: `{ actors: Set, … }`. */
  take(kind, data) {
    return kind === 'report' ? this.#begin(data) : this.#change(data);
  }

  #begin({ version, at, uptime_ms, allow_kill, tree, departures, columns, ...lists }) {
    Object.assign(this, { version, at, uptime_ms, allow_kill, departures });
    this.#columns = columns ?? {};
    this.#groups = Object.fromEntries(Object.entries(this.#columns).map(([table, names]) => [table, grouped(names)]));
    const changed = { departures: new Set(Object.keys(departures)) };
    for (const [table, key] of Object.entries(TABLES)) {
      const before = this[table];
      const list = table === 'actors' ? flatten(tree) : lists[table] ?? [];
      // Whoever comes later has a higher number, and comes last.
      if (key === 'id') list.sort((a, b) => byName(a.id, b.id));
      this[table] = new Map(list.map((thing) => [String(thing[key]), thing]));
      changed[table] = new Set([...before.keys(), ...this[table].keys()]);
    }
    this.children = new Map();
    for (const path of this.actors.keys()) this.#adopt(path);
    return changed;
  }

  #change({ at, uptime_ms, departures, ...tables }) {
    Object.assign(this, { at, uptime_ms });
    Object.assign(this.departures, departures);
    const changed = { departures: new Set(Object.keys(departures ?? {})) };
    for (const table of Object.keys(TABLES)) {
      changed[table] = new Set();
      if (tables[table]) this.#changeTable(table, tables[table], changed[table]);
    }
    return changed;
  }

  #changeTable(table, { gone = [], set = {}, counts = {} }, changed) {
    const things = this[table];
    for (const name of gone) {
      things.delete(name);
      changed.add(name);
      if (table === 'actors') this.#leave(name);
    }
    for (const [name, fields] of Object.entries(set)) {
      const known = things.get(name);
      if (known) Object.assign(known, fields);
      else {
        things.set(name, { ...fields });
        if (table === 'actors') this.#adopt(name);
      }
      changed.add(name);
    }
    const columns = this.#groups[table] ?? [];
    for (const [name, row] of Object.entries(counts)) {
      const thing = things.get(name);
      if (thing) takeCounts(thing, columns, row);
      changed.add(name);
    }
  }

  #adopt(path) {
    const parent = parentOf(path);
    const siblings = this.children.get(parent);
    if (siblings) siblings.push(path);
    else this.children.set(parent, [path]);
  }

  #leave(path) {
    this.children.delete(path);
    const siblings = this.children.get(parentOf(path));
    const at = siblings?.indexOf(path) ?? -1;
    if (at >= 0) siblings.splice(at, 1);
  }

  /** An actor as /debug shows it, with those below. */
  node(path) {
    const { since, work, ...rest } = this.actors.get(path);
    return {
      ...rest, since,
      uptime_ms: typeof since === 'number' ? Math.max(0, this.at - since) : null,
      work: work ? { ...work, since_ms: Math.max(0, this.at - work.since) } : null,
      children: (this.children.get(path) ?? []).map((child) => this.node(child)),
    };
  }

  /** The same as /debug as JSON, and what is needed to begin from here with another Report. */
  toJSON() {
    const { version, at, uptime_ms, allow_kill, departures } = this;
    const [root] = this.children.get('') ?? [];
    const lists = Object.keys(TABLES).filter((table) => table !== 'actors').map((table) => [table, [...this[table].values()]]);
    return { version, at, uptime_ms, allow_kill, tree: root ? this.node(root) : null, ...Object.fromEntries(lists), departures, columns: this.#columns };
  }
}

function flatten(node, into = []) {
  if (!node) return into;
  const { children, uptime_ms: _, ...own } = node;
  if (own.work) own.work = { message: own.work.message, since: own.work.since };
  into.push(own);
  for (const child of children) flatten(child, into);
  return into;
}

/** Columns by the objects that they are fields of: `a.b` is the field `b` of the object `a`. */
function grouped(columns) {
  const groups = new Map();
  columns.forEach((column, nth) => {
    const [group, name = null] = column.split('.');
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push([name, nth]);
  });
  return [...groups];
}

/** An object whose fields are all null is null itself. */
function takeCounts(thing, groups, row) {
  for (const [group, fields] of groups) {
    if (fields[0][0] === null) {
      thing[group] = row[fields[0][1]];
      continue;
    }
    let known = null;
    if (fields.some(([, nth]) => row[nth] !== null)) {
      known = {};
      for (const [name, nth] of fields) known[name] = row[nth];
    }
    thing[group] = known;
  }
}
