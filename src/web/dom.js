// Elements, made in one line each, of which only what differs is touched later.

/** Makes an element; properties that begin with `on` are listeners, others attributes, of which null and false are left out. */
export function el(tag, properties = {}, ...children) {
  return made(document.createElement(tag), properties, children);
}

const SVG = 'http://www.w3.org/2000/svg';

/** The same for drawings. */
export function svg(tag, properties = {}, ...children) {
  return made(document.createElementNS(SVG, tag), properties, children);
}

function made(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children);
  return element;
}

/** What was written last, so that the document needs not be asked. Who writes by these functions does so by them alone. */
const written = new WeakMap();

function differs(element, name, value) {
  let known = written.get(element);
  if (!known) written.set(element, known = new Map());
  if (known.get(name) === value) return false;
  known.set(name, value);
  return true;
}

/** Sets an attribute if it is another one; null and false remove it. */
export function attribute(element, name, value) {
  if (!differs(element, name, value)) return;
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? '' : String(value));
}

/** Sets the text if it is another one: what has not changed is not announced. */
export function text(element, words) {
  const value = words ?? '';
  if (differs(element, '#text', value) && element.textContent !== value) element.textContent = value;
}

/** Sets a custom property of its style if it is another one. */
export function style(element, name, value) {
  if (differs(element, name, value)) element.style.setProperty(name, value);
}

/**
 * Rows by their names within a parent: `make(name)` gives { element, update(thing) }. `show` puts them in order, removes those that
 * are not named any more, and updates those of whom `changed` says so.
 */
export class Rows {
  #rows = new Map();
  #shown = [];
  #parent;
  #make;

  constructor(parent, make) {
    this.#parent = parent;
    this.#make = make;
  }

  show(names, changed = null) {
    if (names.length === this.#shown.length && names.every((name, nth) => name === this.#shown[nth])) {
      for (const name of names) if (!changed || changed.has(name)) this.#rows.get(name).update(name);
      return;
    }
    this.#shown = [...names];
    const stay = new Set(names);
    for (const [name, { element }] of this.#rows) {
      if (!stay.has(name)) {
        element.remove();
        this.#rows.delete(name);
      }
    }
    let next = this.#parent.firstElementChild;
    for (const name of names) {
      let row = this.#rows.get(name);
      const isNew = !row;
      if (isNew) {
        row = this.#make(name);
        this.#rows.set(name, row);
      }
      if (row.element === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(row.element, next);
      if (isNew || !changed || changed.has(name)) row.update(name);
    }
  }

  /** The row of this name, if it is shown. */
  get(name) {
    return this.#rows.get(name);
  }

  clear() {
    this.show([]);
  }
}
