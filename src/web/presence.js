// Whether anybody can see the page. It may be hidden behind another tab, frozen by the browser to
// save power, or kept in the back/forward cache.

const EVENTS = [
  [window, 'pagehide'], [window, 'pageshow'], [window, 'online'],
  [document, 'visibilitychange'], [document, 'freeze'], [document, 'resume'],
];

/**
 * Tells by calling
 * `leave` when nobody can see the page, or it has been hidden for too long,
 * `come` when it is shown again, and
 * `wake` at any sign that the connection may have been lost unnoticed, while somebody watches;
 * `roam` if the network is another one.
 *
 * `timeout` gives for how many seconds the page may be hidden, null for ever; `elsewhere` says
 * whether the picture is seen outside of the page.
 */
export class Presence {
  #tell;
  #here = false;
  #cached = false;
  #frozen = false;
  #network = navigator.connection?.type;
  #hiddenAt = null;
  #timer = null;

  constructor(tell) {
    this.#tell = tell;
  }

  /** Whether the page is there to watch. */
  get here() {
    return this.#here;
  }

  /** Begins with `come`, unless the page is hidden and shall not watch then. */
  start() {
    for (const [target, type] of EVENTS) target.addEventListener(type, this.#event);
    // Not every browser knows it; where it is known it tells of Wi-Fi that has become a phone network.
    navigator.connection?.addEventListener('change', this.#networkChanged);
    this.#cached = this.#frozen = false;
    this.#hiddenAt = null;
    this.judge();
  }

  /** Ends with `leave`. */
  stop() {
    for (const [target, type] of EVENTS) target.removeEventListener(type, this.#event);
    navigator.connection?.removeEventListener('change', this.#networkChanged);
    clearTimeout(this.#timer);
    if (this.#here) this.#tell.leave();
    this.#here = false;
  }

  #networkChanged = () => {
    const { type } = navigator.connection;
    // It also tells of estimates of the speed, which are no change.
    if (type === this.#network) return;
    this.#network = type;
    if (this.#here) this.#tell.roam();
  };

  #event = ({ type, persisted }) => {
    const visible = document.visibilityState === 'visible';
    if (type === 'pagehide') this.#cached = true;
    if (type === 'pageshow') this.#cached = false;
    // Browsers let frozen pages run for moments in which nobody sees them: `resume` is not enough.
    if (type === 'freeze') this.#frozen = true;
    else if (visible) this.#frozen = false;
    this.judge();
    if (type === 'online' && this.#here) this.#tell.roam();
    const sign = type === 'resume' || (type === 'visibilitychange' && visible) || persisted;
    if (sign && this.#here) this.#tell.wake();
  };

  /** To be called when what `timeout` or `elsewhere` would say has changed. */
  judge() {
    clearTimeout(this.#timer);
    let overdue = false;
    if (document.visibilityState === 'visible' || this.#tell.elsewhere()) {
      this.#hiddenAt = null;
    } else {
      // By the time of day: timers of hidden pages are late, and stand still while the machine sleeps.
      this.#hiddenAt ??= Date.now();
      const timeout = this.#tell.timeout();
      const left = timeout === null ? Infinity : this.#hiddenAt + timeout * 1000 - Date.now();
      overdue = left <= 0;
      if (left > 0 && left < Infinity) this.#timer = setTimeout(() => this.judge(), left);
    }
    const here = !this.#cached && !this.#frozen && !overdue;
    if (here === this.#here) return;
    this.#here = here;
    if (here) this.#tell.come();
    else this.#tell.leave();
  }
}
