// A <lenscap-video> with all that goes around it: name, light, buttons, statistics, and the controls of its camera.

import './lenscap.js';
import { CameraControls } from './camera-controls.js';
import { sliders } from './controls.js';
import { el, text } from './dom.js';
import { iconButton } from './icons.js';
import { Overlay } from './overlay.js';
import { pad } from './steering.js';
import { cameraOf, cameraWords, lightOf } from './words.js';

/** When nobody has moved anything for so long, only the picture is shown. */
const IDLE_MS = 3000;

/** What was done is said for so long. */
const SAID_MS = 4000;

/** A file's name for what `stream` shows now. */
export function fileName(stream, now = new Date()) {
  const two = (number) => String(number).padStart(2, '0');
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `${stream} ${day} ${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join('.')}.jpg`;
}

export class Player {
  root;
  viewer;
  #search;
  #name;
  #light;
  #state;
  #said;
  #tools;
  #adjust;
  #overlay;
  #statistics;
  #copy;
  #idle = null;
  /** Whether the last touch was to see what can be pressed. */
  #wakes = false;
  #unsay = null;
  /** The camera whose controls are shown, and which shall be. */
  #controlled = null;
  #wanted = null;

  /** `search` is what a link to the page carries; `heading` is the element for its name, `extra` are buttons of who uses it. */
  constructor({ stream, link = null, search = '', poster = null, heading = 'h2', extra = [] }) {
    this.#search = search;
    this.viewer = document.createElement('lenscap-video');
    if (link) this.viewer.setAttribute('link', link);
    if (poster) this.viewer.setAttribute('poster', poster);
    this.viewer.setAttribute('stream', stream);
    this.#light = el('span', { class: 'light off' });
    this.#name = el(heading, {}, stream);
    this.#state = el('span', { class: 'state' });
    this.#said = el('p', { class: 'said', role: 'status' });
    this.#overlay = new Overlay(this.viewer);
    this.#statistics = iconButton('statistics', 'Statistics (s)', () => this.toggleStatistics());
    this.#statistics.ariaPressed = 'false';
    this.#copy = iconButton('copy', 'Copy the picture (c)', () => this.copy());
    this.#tools = el(
      'div', { class: 'tools' },
      this.#statistics,
      iconButton('save', 'Save the picture (d)', () => this.save()),
      this.#copy,
      ...(document.pictureInPictureEnabled ? [iconButton('picture', 'Picture in picture (p)', () => this.pictureInPicture())] : []),
      ...(document.fullscreenEnabled ? [iconButton('full', 'Full screen (f)', () => this.fullScreen())] : []),
      ...extra,
    );
    this.#adjust = el('div', { class: 'adjust' });
    // Browsers give the clipboard to pages of HTTPS and of this machine only.
    this.#copy.hidden = !globalThis.ClipboardItem || !navigator.clipboard;
    const title = el('div', { class: 'title' }, this.#light, this.#name, this.#state);
    const bar = el('div', { class: 'bar' }, title, this.#tools);
    this.root = el(
      'section', { class: 'player nothing', tabindex: '-1', 'aria-label': `Watching ${stream}` },
      this.viewer, bar, this.#overlay.root, this.#adjust, this.#said,
    );
    this.viewer.addEventListener('state', () => this.#show());
    this.viewer.addEventListener('doubt', ({ detail }) => this.#show(detail));
    this.viewer.addEventListener('picture', () => {
      this.root.classList.remove('nothing');
      this.#controls();
    });
    this.root.addEventListener('pointerdown', ({ pointerType, target }) => {
      const hidden = getComputedStyle(bar).pointerEvents === 'none';
      this.#wakes = pointerType === 'touch' && hidden && !this.#adjust.contains(target);
    });
    // By the time the touch that shows the buttons becomes a click, they are beneath it. Those of keys are none.
    this.root.addEventListener('click', (event) => {
      if (!this.#wakes || event.detail === 0) return;
      this.#wakes = false;
      event.preventDefault();
      event.stopPropagation();
    }, { capture: true });
    for (const type of ['pointermove', 'pointerdown', 'keydown', 'focusin']) this.root.addEventListener(type, () => this.wake());
    this.#show();
    this.wake();
  }

  get stream() {
    return this.viewer.stream;
  }

  /** Shows another stream, over the live connection if there is one. */
  set stream(stream) {
    if (stream === this.stream) return;
    text(this.#name, stream);
    this.root.ariaLabel = `Watching ${stream}`;
    this.root.classList.add('nothing');
    this.viewer.stream = stream;
    this.#show();
    this.wake();
  }

  /** The camera whose controls may be set; null if none. */
  set camera(camera) {
    this.#wanted = camera;
    if (camera !== this.#controlled?.camera) this.#drop();
    if (this.viewer.state === 'live') this.#controls();
  }

  /** Shows what goes around the picture, for a while. */
  wake() {
    this.root.classList.remove('idle');
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.root.classList.add('idle'), IDLE_MS);
  }

  toggleStatistics() {
    this.#overlay.open = !this.#overlay.open;
    this.#statistics.ariaPressed = String(this.#overlay.open);
  }

  async fullScreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await this.root.requestFullscreen();
    } catch {
      this.say('The browser does not allow full screen here. Of a page in a frame its site has to allow it: allow="fullscreen".');
    }
  }

  async pictureInPicture() {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await this.viewer.video.requestPictureInPicture();
    } catch {
      this.say(this.viewer.video.videoWidth ? 'The browser does not allow picture in picture here.' : 'There is no picture yet.');
    }
  }

  async save() {
    try {
      const url = URL.createObjectURL(await this.viewer.snapshot('image/jpeg'));
      const link = el('a', { href: url, download: fileName(this.stream) });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), SAID_MS);
      this.say(`Saved as “${link.download}”.`);
    } catch (error) {
      this.say(error.message);
    }
  }

  async copy() {
    try {
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': this.viewer.snapshot('image/png') })]);
      this.say('The picture is in the clipboard.');
    } catch (error) {
      this.say(error.name === 'NotAllowedError' ? 'The browser does not allow it to write to the clipboard. Save the picture instead.' : error.message);
    }
  }

  /** Says what has become of something, for a while. */
  say(words) {
    text(this.#said, words);
    clearTimeout(this.#unsay);
    this.#unsay = setTimeout(() => text(this.#said, ''), SAID_MS);
    this.wake();
  }

  #show(silentSeconds = null) {
    const camera = cameraOf(this.viewer.state);
    const light = silentSeconds !== null ? 'busy' : camera ? lightOf(camera) : 'busy';
    this.#light.className = `light ${light}`;
    text(this.#state, silentSeconds !== null ? 'No connection' : camera ? cameraWords(camera) : 'Is asked for');
  }

  /** Once the picture plays, so that nothing delays it. */
  async #controls() {
    const camera = this.#wanted;
    if (!camera || camera === this.#controlled?.camera) return;
    this.#controlled = { camera };
    const controls = new CameraControls(camera, this.#search);
    await controls.load();
    if (this.#controlled?.camera !== camera) return;
    this.#adjust.replaceChildren(...[pad(controls), sliders(controls)].filter(Boolean));
  }

  #drop() {
    this.#controlled = null;
    this.#adjust.replaceChildren();
  }
}
