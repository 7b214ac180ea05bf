// <lenscap-video stream="front">: shows a stream for as long as it is in the document.
//
// Changing `stream` switches over the live connection. Removing the element leaves at once.
// Attribute `src`: the server's address, if it is not the one that this script came from.
// Attribute `hidden-timeout`: a page that has been hidden for so many seconds leaves, and watches again
// when it is shown; 0: at once, `never`: it stays. Left out: as the server is configured.

import { linkWords } from './link-words.js';
import { Presence } from './presence.js';
import { Session } from './session.js';

/** Timers count milliseconds in 31 bits; beyond those they ring at once. */
const HIDDEN_TIMEOUT_MAX_S = 86_400;

const STYLE = `
  :host { display: block; position: relative; background: #000; overflow: hidden; aspect-ratio: 16 / 9; }
  video { width: 100%; height: 100%; object-fit: contain; display: block; }
  p, .link { position: absolute; inset: auto 0 0 0; margin: 0; padding: .6em 1em; font: 14px/1.4 system-ui, sans-serif;
      color: #fff; background: rgb(0 0 0 / .65); }
  .link { inset: 0 0 auto auto; padding: .3em .8em; font-size: 12px; border-bottom-left-radius: .5em; }
  p:empty, .link:empty { display: none; }
  video.old { filter: grayscale(1) brightness(.6); }
`;

export class LenscapVideo extends HTMLElement {
  static observedAttributes = ['stream', 'hidden-timeout'];
  #session = null;
  #video;
  #words;
  #link;
  /** The server's default, once it is known: seconds, or null. */
  #hiddenTimeout = null;
  #presence = new Presence({
    come: () => this.#begin(),
    leave: () => this.#end(),
    wake: () => this.#session?.wake(),
    roam: () => this.#session?.roam(),
    timeout: () => this.hiddenTimeout,
    elsewhere: () => this.shadowRoot.pictureInPictureElement === this.#video,
  });

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    const style = document.createElement('style');
    style.textContent = STYLE;
    this.#video = document.createElement('video');
    Object.assign(this.#video, { muted: true, autoplay: true, playsInline: true });
    this.#words = document.createElement('p');
    this.#link = document.createElement('div');
    this.#link.className = 'link';
    for (const words of [this.#words, this.#link]) words.setAttribute('role', 'status');
    root.append(style, this.#video, this.#words, this.#link);
    for (const type of ['enterpictureinpicture', 'leavepictureinpicture']) {
      this.#video.addEventListener(type, () => this.isConnected && this.#presence.judge());
    }
  }

  /** The <video> within. */
  get video() {
    return this.#video;
  }

  /** The RTCPeerConnection, if there is one. */
  get connection() {
    return this.#session?.connection ?? null;
  }

  /** For how many seconds the page may be hidden before it leaves; null: for ever. */
  get hiddenTimeout() {
    const own = this.getAttribute('hidden-timeout')?.trim();
    if (own === 'never') return null;
    const seconds = own ? Number(own) : NaN;
    return seconds >= 0 ? Math.min(seconds, HIDDEN_TIMEOUT_MAX_S) : this.#hiddenTimeout;
  }

  connectedCallback() {
    this.#presence.start();
  }

  disconnectedCallback() {
    this.#presence.stop();
  }

  attributeChangedCallback(name, _, value) {
    if (!this.isConnected) return;
    if (name === 'hidden-timeout') this.#presence.judge();
    else if (this.#session && value) this.#session.switchTo(value);
    else if (!value) this.#end();
    else this.#begin();
  }

  #begin() {
    const stream = this.getAttribute('stream');
    if (this.#session || !stream || !this.#presence.here) return;
    const session = new Session(stream, this.#server());
    session.addEventListener('track', ({ detail }) => {
      this.#video.srcObject = detail;
      // Nothing is known of the new connection.
      this.#link.textContent = '';
      this.#video.play().catch(() => {});
    });
    session.addEventListener('state', ({ detail }) => {
      if (detail === 'starting') this.#say('The camera is being opened …');
      if (detail === 'paused') this.#say('The camera waits for the connection …');
      this.dispatchEvent(new CustomEvent('state', { detail }));
    });
    session.addEventListener('answer', ({ detail }) => {
      if ('hidden_timeout' in detail) this.#hiddenTimeout = detail.hidden_timeout;
      this.#presence.judge();
    });
    session.addEventListener('waiting', () => this.#sayUntilPicture('The picture begins with the camera’s next keyframe …'));
    session.addEventListener('link', ({ detail }) => { this.#link.textContent = linkWords(detail); });
    session.addEventListener('doubt', ({ detail }) => this.#doubt(detail));
    session.addEventListener('trouble', ({ detail }) => this.#say(detail));
    this.#session = session;
    session.start();
  }

  /** The address of the server, with what a link to it carries. */
  #server() {
    const server = new URL(this.getAttribute('src') ?? import.meta.url, location.href);
    const link = this.getAttribute('link');
    return link ? `${server.origin}/?${new URLSearchParams({ link })}` : server.origin;
  }

  #end() {
    const session = this.#session;
    this.#session = null;
    session?.stop();
    this.#video.srcObject = null;
    this.#video.classList.remove('old');
    this.#say('');
    this.#link.textContent = '';
  }

  #say(words) {
    this.#words.textContent = words;
  }

  /** Nothing has come for so many seconds: the picture is the last there was. Null: it is over. */
  #doubt(seconds) {
    const was = this.#video.classList.contains('old');
    const is = this.#video.classList.toggle('old', seconds !== null);
    if (is) this.#say(`No connection for ${seconds} s …`);
    else if (was) this.#say('');
  }

  #sayUntilPicture(words) {
    this.#say(words);
    const seen = () => this.#words.textContent === words && this.#say('');
    if ('requestVideoFrameCallback' in this.#video) this.#video.requestVideoFrameCallback(seen);
    else this.#video.addEventListener('timeupdate', seen, { once: true });
  }
}

customElements.define('lenscap-video', LenscapVideo);
