// The last picture of a stream on its card. It is fetched only while the card can be seen, and shown once it is whole.

import { el } from './dom.js';

/** Where it is. `at` makes the address another one with each picture. */
export function pictureAddress(stream, at, link) {
  const query = new URLSearchParams({ at, ...(link ? { link } : {}) });
  return `/streams/${encodeURIComponent(stream)}/picture.jpg?${query}`;
}

export class LastPictureView {
  root;
  #stream;
  #link;
  #seen = false;
  #wanted = null;
  #shown = null;
  #loading = false;

  constructor(stream, link) {
    this.#stream = stream;
    this.#link = link;
    this.root = el('div', { class: 'last' });
  }

  /** When the picture was taken; null if there is none. */
  set at(at) {
    this.#wanted = at;
    this.#load();
  }

  /** Whether the card can be seen. */
  set seen(seen) {
    this.#seen = seen;
    this.#load();
  }

  async #load() {
    if (this.#wanted === null) {
      this.root.replaceChildren();
      this.#shown = null;
      return;
    }
    if (!this.#seen || this.#loading || this.#wanted === this.#shown) return;
    const at = this.#wanted;
    this.#loading = true;
    const image = el('img', { alt: '', decoding: 'async', src: pictureAddress(this.#stream, at, this.#link) });
    // The former one stays until this one can be shown.
    const whole = await image.decode().then(() => true, () => false);
    this.#loading = false;
    if (whole && this.#wanted !== null) this.root.replaceChildren(image);
    if (whole) this.#shown = at;
    // One that could not be had is asked for again with the next news of the stream, or when it is seen again.
    if (whole || at !== this.#wanted) this.#load();
  }
}
