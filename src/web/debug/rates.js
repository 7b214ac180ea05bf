// What is counted, as rates.

export class Rates {
  #known = new Map();

  /** How fast this grows, a second, between the last two times that it was counted; null if that is not known yet. */
  of(name, count, at) {
    const known = this.#known.get(name);
    if (!known) {
      this.#known.set(name, { count, at, rate: null });
      return null;
    }
    if (at > known.at) {
      // What begins anew counts from nothing.
      known.rate = Math.max(0, count - (count < known.count ? 0 : known.count)) * 1000 / (at - known.at);
      known.count = count;
      known.at = at;
    } else if (at < known.at) {
      Object.assign(known, { count, at, rate: null });
    }
    return known.rate;
  }

  /** What was found last. */
  last(name) {
    return this.#known.get(name)?.rate ?? null;
  }

  /** Forgets all but these. */
  retain(names) {
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
  }

  clear() {
    this.#known.clear();
  }
}
