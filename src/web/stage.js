// The stage of the gallery: one stream, large, over one connection for as long as it is open.

import { iconButton } from './icons.js';
import { Player } from './player.js';

export class Stage {
  #root;
  #player = null;
  #told;

  /** Within `root`; `told` is called whenever another stream is on it, or none (null). */
  constructor(root, told) {
    this.#root = root;
    this.#told = told;
  }

  get stream() {
    return this.#player?.stream ?? null;
  }

  get player() {
    return this.#player;
  }

  /** Shows a stream: over the live connection, if another is on the stage. */
  show(stream, { link, search, poster, step }) {
    const begins = !this.#player;
    if (!begins) {
      // Or what is shown while nothing comes would be the former camera's.
      const { viewer } = this.#player;
      if (poster) viewer.setAttribute('poster', poster);
      else viewer.removeAttribute('poster');
      this.#player.stream = stream;
    } else {
      this.#player = new Player({
        stream, link, search, poster,
        extra: [
          iconButton('previous', 'Previous camera (←)', () => step(-1)),
          iconButton('next', 'Next camera (→)', () => step(1)),
          iconButton('close', 'Stop watching (Esc)', () => this.close()),
        ],
      });
      this.#root.append(this.#player.root);
    }
    this.#told(stream);
    // Not before it can be seen.
    if (begins) this.#player.root.focus();
  }

  close() {
    if (!this.#player) return;
    const { root, stream } = this.#player;
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    root.remove();
    this.#player = null;
    this.#told(null, stream);
  }
}
