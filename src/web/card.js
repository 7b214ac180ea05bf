// A stream's card in the gallery.

import { el, text } from './dom.js';
import { icon } from './icons.js';
import { LastPictureView, pictureAddress } from './last-picture.js';
import { sentence } from './sentence.js';
import { ageWords, codecWords, lightOf, nextStep, stateWords, viewersWords } from './words.js';

export class Card {
  root;
  /** The button that begins to watch. */
  button;
  #screen;
  #picture;
  #age;
  #number;
  #light;
  #state;
  #viewers;
  #codec;
  #trouble;
  #link;
  #stream = null;
  #lasts = null;

  /** `search` is what a link to the page carries, `link` the link itself; `watch` is called with the stream's name. */
  constructor(id, { link, search, watch }) {
    this.#link = link;
    this.#picture = new LastPictureView(id, link);
    this.#age = el('span', { class: 'age' });
    this.#number = el('span', { class: 'number', 'aria-hidden': 'true' });
    this.#trouble = el('p', { class: 'trouble' });
    this.button = el('button', { type: 'button', class: 'watch', 'aria-label': `Watch ${id}`, 'aria-describedby': `state-${id}`, onclick: () => watch(id) });
    this.#screen = el(
      'div', { class: 'screen' }, this.#picture.root, this.#trouble, this.button, this.#number, this.#age,
    );
    this.#light = el('span', { class: 'light off' });
    this.#state = el('span', { class: 'state', id: `state-${id}` });
    this.#viewers = el('span');
    this.#codec = el('span', { class: 'codec' });
    const more = el('span', { class: 'more' }, this.#codec, this.#viewers);
    const alone = el('a', {
      class: 'icon', href: `/view/${encodeURIComponent(id)}${search}`, 'aria-label': `${id} in a window of its own`, title: 'In a window of its own',
    }, icon('window'));
    const caption = el('div', { class: 'caption' }, this.#light, el('h2', {}, id), alone, this.#state, more);
    this.root = el('article', { class: 'card', 'data-stream': id }, this.#screen, caption);
  }

  get id() {
    return this.root.dataset.stream;
  }

  /** Whether it can be seen: only then its picture is fetched. */
  set seen(seen) {
    this.#picture.seen = seen;
  }

  /** By which number it is chosen; none beyond nine. */
  set number(number) {
    text(this.#number, number <= 9 ? String(number) : '');
  }

  /** The address of the last picture, if there is one. */
  get poster() {
    const at = this.#stream?.picture_at ?? null;
    return at === null ? null : pictureAddress(this.id, at, this.#link);
  }

  /** Shows a stream as the server describes it to `you`. */
  show(stream, you) {
    if (stream === this.#stream) return;
    this.#stream = stream;
    this.#picture.at = stream.picture_at;
    const light = lightOf(stream.camera_state);
    this.#light.className = `light ${light}`;
    this.root.dataset.light = light;
    text(this.#state, stateWords(stream));
    text(this.#viewers, viewersWords(stream.viewers));
    // Before what changes, so that it never moves.
    text(this.#codec, `${codecWords(stream.codec)} · `);
    const bad = light === 'bad' || stream.state === 'backoff' || stream.state === 'failed';
    const step = nextStep(stream, you);
    text(this.#trouble, bad ? [sentence(stream.last_error ?? stateWords(stream)), step].filter(Boolean).join(' ') : '');
    this.#screen.classList.toggle('empty', stream.picture_at === null);
  }

  /** Says how old the picture is, by the server's clock. */
  tell(now) {
    const { picture_at: at, camera_state: camera } = this.#stream ?? {};
    const words = at && camera !== 'capturing' ? ageWords(Math.max(0, now - at)) : '';
    if (words === this.#lasts) return;
    this.#lasts = words;
    text(this.#age, words);
    if (words) this.#age.title = `The camera was last open ${new Date(at).toLocaleString()}`;
  }

  /** Plays in its place, or stops. */
  set plays(plays) {
    const playing = this.#screen.querySelector('lenscap-video');
    if (!plays) playing?.remove();
    if (!plays || playing) return;
    const video = document.createElement('lenscap-video');
    if (this.#link) video.setAttribute('link', this.#link);
    if (this.poster) video.setAttribute('poster', this.poster);
    video.setAttribute('stream', this.id);
    this.#picture.root.after(video);
  }
}
