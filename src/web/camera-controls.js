// The controls of a camera, at the server: what there is, and what is set. Of what is set faster than the camera takes it, the latest counts.

/** Events: `change` with the controls as the camera has them; `trouble` with words, empty when it is over; `refused` when nothing was set. */
export class CameraControls extends EventTarget {
  #address;
  #waiting = null;
  #busy = false;
  #controls = [];

  /** `search` is what a link to the page carries. */
  constructor(camera, search = '') {
    super();
    this.#address = `/cameras/${encodeURIComponent(camera)}/controls${search}`;
  }

  /** The controls as they were last heard of. */
  get all() {
    return this.#controls;
  }

  /** The control of this name, if it can be set now. */
  usable(id) {
    return this.#controls.find((control) => control.id === id && !control.read_only && control.active);
  }

  /** Asks for them; none if there are none, or they may not be had. */
  async load() {
    const response = await fetch(this.#address).catch(() => null);
    if (response?.ok) this.#heard(await response.json());
    return this.#controls;
  }

  async set(values) {
    this.#waiting = { ...this.#waiting, ...values };
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting) {
      const body = JSON.stringify(this.#waiting);
      this.#waiting = null;
      try {
        this.#heard(await (await fetch(this.#address, { method: 'PUT', body })).json());
      } catch {
        this.#heard({ message: 'The server does not answer.' });
      }
    }
    this.#busy = false;
  }

  #heard({ controls, message }) {
    this.dispatchEvent(new CustomEvent('trouble', { detail: message ?? '' }));
    if (!controls) return void this.dispatchEvent(new CustomEvent('refused'));
    this.#controls = controls;
    this.dispatchEvent(new CustomEvent('change', { detail: controls }));
  }
}
