// <lenscap-video stream="front">: shows a stream for as long as it is in the document.
//
// Changing `stream` switches over the live connection. Removing the element leaves at once.
// Attribute `src`: the server's address, if it is not the one that this script came from.

import { Session } from './session.js';

const STYLE = `
  :host { display: block; position: relative; background: #000; overflow: hidden; aspect-ratio: 16 / 9; }
  video { width: 100%; height: 100%; object-fit: contain; display: block; }
  p { position: absolute; inset: auto 0 0 0; margin: 0; padding: .6em 1em; font: 14px/1.4 system-ui, sans-serif;
      color: #fff; background: rgb(0 0 0 / .65); }
  p:empty { display: none; }
`;

export class LenscapVideo extends HTMLElement {
  static observedAttributes = ['stream'];
  #session = null;
  #video;
  #words;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    const style = document.createElement('style');
    style.textContent = STYLE;
    this.#video = document.createElement('video');
    Object.assign(this.#video, { muted: true, autoplay: true, playsInline: true });
    this.#words = document.createElement('p');
    this.#words.setAttribute('role', 'status');
    root.append(style, this.#video, this.#words);
  }

  /** The <video> within. */
  get video() {
    return this.#video;
  }

  /** The RTCPeerConnection, if there is one. */
  get connection() {
    return this.#session?.connection ?? null;
  }

  connectedCallback() {
    addEventListener('pagehide', this.#hide);
    addEventListener('pageshow', this.#show);
    this.#begin();
  }

  disconnectedCallback() {
    removeEventListener('pagehide', this.#hide);
    removeEventListener('pageshow', this.#show);
    this.#end();
  }

  attributeChangedCallback(_, __, stream) {
    if (this.#session && stream) this.#session.switchTo(stream);
    else if (!stream) this.#end();
    else if (this.isConnected) this.#begin();
  }

  // A page that enters the back/forward cache is hidden, too, and shown again when it returns.
  #hide = () => this.#end();
  #show = ({ persisted }) => persisted && this.#begin();

  #begin() {
    const stream = this.getAttribute('stream');
    if (this.#session || !stream) return;
    const session = new Session(stream, this.getAttribute('src') ?? undefined);
    session.addEventListener('track', ({ detail }) => {
      this.#video.srcObject = detail;
      this.#video.play().catch(() => {});
    });
    session.addEventListener('state', ({ detail }) => {
      if (detail === 'starting') this.#say('The camera is being opened …');
      this.dispatchEvent(new CustomEvent('state', { detail }));
    });
    session.addEventListener('trouble', ({ detail }) => this.#say(detail));
    this.#session = session;
    session.start();
  }

  #end() {
    const session = this.#session;
    this.#session = null;
    session?.stop();
    this.#video.srcObject = null;
  }

  #say(words) {
    this.#words.textContent = words;
  }
}

customElements.define('lenscap-video', LenscapVideo);
