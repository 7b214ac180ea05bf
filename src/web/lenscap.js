// <lenscap-video stream="front">: shows a stream for as long as it is in the document.
//
// Changing `stream` switches over the live connection. Removing the element leaves at once. Its attributes, properties, events
// and parts are in docs/reference/element.md.

import { Meter } from './figures.js';
import { linkWords } from './link-words.js';
import { whyNotPlayable } from './playable.js';
import { Presence } from './presence.js';
import { sentence } from './sentence.js';
import { Session } from './session.js';

/** Timers count milliseconds in 31 bits; beyond those they ring at once. */
const HIDDEN_TIMEOUT_MAX_S = 86_400;

/** A browser that does not say which picture it shows has shown those that were under way by then, ms. */
const UNDER_WAY_MS = 300;

/** Whether a picture is of the stream whose pictures begin after an RTP timestamp, as was heard some time ago. */
function isOf(begins, picture) {
  if (!begins) return false;
  if (begins.after === null) return true;
  const { rtpTimestamp } = picture ?? {};
  if (rtpTimestamp === undefined) return performance.now() - begins.heard > UNDER_WAY_MS;
  // They are counted in 32 bits.
  return ((rtpTimestamp - begins.after) | 0) > 0;
}

const STYLE = `
  :host { display: block; position: relative; background: #000; overflow: hidden; aspect-ratio: 16 / 9; }
  :host([hidden]) { display: none; }
  video { width: 100%; height: 100%; object-fit: contain; display: block; }
  .below { position: absolute; inset: auto 0 0 0; display: flex; flex-direction: column; align-items: flex-end; pointer-events: none; }
  p, .link { box-sizing: border-box; margin: 0; padding: .6em 1em; font: 14px/1.4 system-ui, sans-serif; color: #fff; background: rgb(0 0 0 / .75); }
  p { align-self: stretch; overflow-wrap: anywhere; }
  .link { padding: .3em .8em; font-size: 12px; border-top-left-radius: .5em; }
  p:empty, .link:empty { display: none; }
  video.old { filter: grayscale(1) brightness(.6); }
  video.waits { filter: brightness(.45); }
`;

export class LenscapVideo extends HTMLElement {
  static observedAttributes = ['stream', 'hidden-timeout', 'poster'];
  #session = null;
  #video;
  #words;
  #link;
  #state = null;
  #carried = null;
  /** Of which peer that is, and what it was. */
  #dropped = { peer: null, by: null };
  #meter = new Meter();
  /** While no picture of the stream is shown: { begins }, with what the server has said of its pictures: { after, heard }, null if nothing. */
  #waits = null;
  /** For how long nothing has come, within the words of that: counted for those who see. */
  #count = document.createElement('span');
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
    Object.assign(this.#video, { muted: true, autoplay: true, playsInline: true, part: 'video' });
    this.#words = Object.assign(document.createElement('p'), { part: 'words' });
    this.#count.setAttribute('aria-hidden', 'true');
    this.#link = Object.assign(document.createElement('div'), { part: 'link', className: 'link' });
    for (const words of [this.#words, this.#link]) words.setAttribute('role', 'status');
    const below = Object.assign(document.createElement('div'), { part: 'below', className: 'below' });
    below.append(this.#link, this.#words);
    root.append(style, this.#video, below);
    for (const type of ['enterpictureinpicture', 'leavepictureinpicture']) {
      this.#video.addEventListener(type, () => this.isConnected && this.#presence.judge());
    }
  }

  /** The name of the stream. */
  get stream() {
    return this.getAttribute('stream');
  }

  set stream(name) {
    if (name === null || name === undefined) this.removeAttribute('stream');
    else this.setAttribute('stream', name);
  }

  /** The <video> within. */
  get video() {
    return this.#video;
  }

  /** The RTCPeerConnection, if there is one. */
  get connection() {
    return this.#session?.connection ?? null;
  }

  /** What the server said last of the stream: `idle`, `starting`, `live`, `paused`, `stopping`, `backoff` or `failed`; null if nothing. */
  get state() {
    return this.#state;
  }

  /** What is wrong, in words for people; empty if nothing is. */
  get trouble() {
    return this.#words.textContent;
  }

  /** { rendition, carries_percent }: what the server found the connection to carry; null if it has not said. */
  get carried() {
    return this.#carried;
  }

  /** { skipped_frames, late_frames, refused_packets }: what the server did not send over this connection; null if it has not said. */
  get dropped() {
    return this.#dropped.by;
  }

  /** For how many seconds the page may be hidden before it leaves; null: for ever. */
  get hiddenTimeout() {
    const own = this.getAttribute('hidden-timeout')?.trim();
    if (own === 'never') return null;
    const seconds = own ? Number(own) : NaN;
    return seconds >= 0 ? Math.min(seconds, HIDDEN_TIMEOUT_MAX_S) : this.#hiddenTimeout;
  }

  /** Figures of the connection since they were last asked for; null if there is none. */
  statistics() {
    return this.#meter.read(this.connection);
  }

  /** The picture that is shown, as a Blob of this type. */
  async snapshot(type = 'image/png') {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!width || this.#waits) throw new Error('There is no picture yet.');
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    canvas.getContext('2d').drawImage(this.#video, 0, 0, width, height);
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, type, 0.92); });
    if (!blob) throw new Error('The browser could not make a picture of it.');
    return blob;
  }

  connectedCallback() {
    // What was set before this class was known is the element's own, and hides the property.
    if (Object.hasOwn(this, 'stream')) {
      const { stream } = this;
      delete this.stream;
      this.stream = stream;
    }
    this.#presence.start();
  }

  disconnectedCallback() {
    this.#presence.stop();
  }

  attributeChangedCallback(name, _, value) {
    if (name === 'poster') {
      if (value) this.#video.setAttribute('poster', value);
      else this.#video.removeAttribute('poster');
      return;
    }
    if (!this.isConnected) return;
    if (name === 'hidden-timeout') this.#presence.judge();
    else if (!value) this.#end();
    else if (!this.#session) this.#begin();
    else if (value !== this.#session.stream) this.#switch(value);
  }

  #switch(stream) {
    this.#waitForPicture();
    this.#session.switchTo(stream);
  }

  #begin() {
    const stream = this.getAttribute('stream');
    if (this.#session || !stream || !this.#presence.here) return;
    const session = new Session(stream, this.#server());
    session.addEventListener('track', ({ detail }) => {
      this.#video.srcObject = detail;
      // What is shown is of the connection before.
      if (!this.#waits) this.#wait();
      this.#video.classList.replace('old', 'waits');
      this.#begins(null);
      // Nothing is known of the new connection.
      this.#carry(null);
      this.#video.play().catch(() => {});
    });
    session.addEventListener('state', ({ detail }) => {
      this.#state = detail;
      if (detail === 'starting') this.#say('The camera is being opened …');
      if (detail === 'paused') this.#say('The camera waits for the connection …');
      // Whoever comes after the failure has not been told of it.
      if (detail === 'backoff' && !this.trouble) this.#say('The camera failed, and is tried again …');
      if (detail === 'failed' && !this.trouble) this.#say('The camera failed too often, and is left alone.');
      this.dispatchEvent(new CustomEvent('state', { detail }));
    });
    session.addEventListener('answer', ({ detail }) => {
      if ('hidden_timeout' in detail) this.#hiddenTimeout = detail.hidden_timeout;
      // Of a new offer for the same connection all stays true.
      if (detail.peer !== this.#dropped.peer) this.#dropped = { peer: detail.peer, by: null };
      this.#presence.judge();
    });
    session.addEventListener('shows', ({ detail }) => this.#begins(detail));
    session.addEventListener('lost', () => this.#lose());
    session.addEventListener('waiting', () => this.#sayUntilPicture('The picture begins with the camera’s next keyframe …'));
    session.addEventListener('link', ({ detail }) => this.#carry(detail));
    session.addEventListener('drops', ({ detail: { type: _, ...by } }) => { this.#dropped.by = by; });
    session.addEventListener('doubt', ({ detail }) => this.#doubt(detail));
    // What the server says of an offer without H.264 is for programs.
    session.addEventListener('trouble', ({ detail }) => this.#say(detail && (whyNotPlayable(!/offers no H\.264/.test(detail)) || sentence(detail))));
    this.#session = session;
    this.#state = null;
    this.#waitForPicture();
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
    this.#video.classList.remove('old', 'waits');
    this.#waits = null;
    this.#say('');
    this.#carry(null);
    this.#dropped = { peer: null, by: null };
    this.#forgetState();
  }

  #forgetState() {
    if (this.#state === null) return;
    this.#state = null;
    this.dispatchEvent(new CustomEvent('state', { detail: null }));
  }

  /** Says something, and counts something with it. */
  #say(words, count = '') {
    if (this.#words.textContent === words + count) return;
    if (!count) this.#words.replaceChildren(words);
    else if (this.#words.firstChild?.data !== words) this.#words.replaceChildren(words, this.#count);
    this.#count.textContent = count;
    this.dispatchEvent(new CustomEvent('trouble', { detail: words + count }));
  }

  /** The connection has ended: what is shown is what was. */
  #lose() {
    this.#forgetState();
    if (!this.#waits) {
      this.#waitForPicture();
      this.#video.classList.replace('waits', 'old');
    }
    this.#waits.begins = null;
    this.#carry(null);
  }

  #carry(carried) {
    this.#carried = carried;
    this.#link.textContent = carried ? linkWords(carried) : '';
    this.dispatchEvent(new CustomEvent('link', { detail: carried }));
  }

  /** Nothing has come for so many seconds: the picture is the last there was. Null: it is over. */
  #doubt(seconds) {
    const was = this.#video.classList.contains('old');
    const is = this.#video.classList.toggle('old', seconds !== null);
    if (is) this.#say('No connection', ` for ${seconds} s …`);
    else if (was) this.#say('');
    if (is || was) this.dispatchEvent(new CustomEvent('doubt', { detail: seconds }));
  }

  /** What is shown is a poster, or another stream's last picture, and looks like it, until a picture of this stream comes. */
  #waitForPicture() {
    this.#state = null;
    this.#wait();
  }

  #wait() {
    const waits = { begins: null };
    this.#waits = waits;
    this.#video.classList.add('waits');
    const seen = (_, picture) => {
      if (this.#waits !== waits) return;
      if (!isOf(waits.begins, picture)) return void this.#onPicture(seen);
      this.#waits = null;
      this.#video.classList.remove('waits');
      // Whatever was in its way is over, also if that is told later than the picture comes.
      this.#say('');
      this.dispatchEvent(new CustomEvent('picture'));
    };
    this.#onPicture(seen);
  }

  /** Pictures with RTP timestamps after this one are of the stream; for null all that come are. */
  #begins(after) {
    if (this.#waits) this.#waits.begins = { after, heard: performance.now() };
  }

  #sayUntilPicture(words) {
    this.#say(words);
    // While there has been no picture of the stream, the first one ends it.
    if (!this.#waits) this.#onPicture(() => this.#words.textContent === words && this.#say(''));
  }

  /** Calls when the next picture is shown. */
  #onPicture(seen) {
    if ('requestVideoFrameCallback' in this.#video) this.#video.requestVideoFrameCallback(seen);
    else this.#video.addEventListener('timeupdate', seen, { once: true });
  }
}

customElements.define('lenscap-video', LenscapVideo);
