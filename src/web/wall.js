// The wall: every stream plays in its place, each only while it is on the screen.

/** Whoever only scrolls past opens no camera. */
const DWELL_MS = 200;

/** Tiles are no narrower than this, px: what does not fit is scrolled to. */
const TILE_WIDTH_MIN = 220;
/** Wide screens: no more than so many in a row. */
const COLUMNS_MAX = 10;

/** How many columns show `count` pictures of 16:9 largest in a space of this size, px. Pure. */
export function columnsFor(count, width, height) {
  const most = Math.max(1, Math.min(count, COLUMNS_MAX, Math.floor(width / TILE_WIDTH_MIN)));
  for (let columns = 1; columns < most; columns++) {
    const rows = Math.ceil(count / columns);
    if (((width / columns) * 9) / 16 * rows <= height) return columns;
  }
  return most;
}

/** Tells each card whether it is seen, and has those that are play while `on` is set. */
export class Wall {
  #cards = new Map();
  #seen = new Set();
  #timers = new Map();
  #on = false;
  #watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) this.#changed(this.#cards.get(target), isIntersecting);
  });

  get on() {
    return this.#on;
  }

  set on(on) {
    this.#on = on;
    for (const card of this.#cards.values()) {
      clearTimeout(this.#timers.get(card));
      card.plays = on && this.#seen.has(card);
    }
  }

  add(card) {
    this.#cards.set(card.root, card);
    this.#watcher.observe(card.root);
  }

  remove(card) {
    clearTimeout(this.#timers.get(card));
    this.#timers.delete(card);
    this.#cards.delete(card.root);
    this.#seen.delete(card);
    this.#watcher.unobserve(card.root);
  }

  #changed(card, seen) {
    if (!card) return;
    card.seen = seen;
    clearTimeout(this.#timers.get(card));
    if (seen) this.#seen.add(card);
    else this.#seen.delete(card);
    if (!this.#on) return;
    if (seen) this.#timers.set(card, setTimeout(() => { card.plays = this.#on && this.#seen.has(card); }, DWELL_MS));
    else card.plays = false;
  }
}
