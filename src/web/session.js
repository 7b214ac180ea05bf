// Watches one stream after another over one connection, and sees to it that there is one.
//
// A connection is given up when another stands, and not before. While this one is in doubt the server is asked over new
// sockets whether it still knows it; if so it goes on, and if not, or if its video does not come back, another connection is
// made beside it. Whichever shows a picture first wins, and the other leaves.

import { Connection } from './connection.js';
import { rescue } from './rescue.js';

const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 8000;

/** A connection that stood for so long was well: the delays begin anew. */
const HEALTHY_MS = 5000;

/** An attempt older than this may be from before things changed, and wait for what is gone. */
const ATTEMPT_STALE_MS = 1000;

/** A connection is in doubt if nothing comes by it for so long, an answer least of all. */
const PROOF_PATIENCE_MS = 800;
/** Packets that were under way at the beginning of that are no proof. */
const SETTLING_MS = 200;

/** While there is doubt, so often it is looked for what has come. */
const LOOK_MS = 100;

/** The server knows us and can be heard: if video does not come for so long, ICE begins anew, and then another connection. */
const PATH_PATIENCE_MS = 700;
const RESTART_PATIENCE_MS = 1500;

const BEAT_MS = 1000;

/** Beats farther apart than this: the machine slept, or the page was suspended. */
const SLEPT_MS = 3000;

/** Delay before the nth attempt (from 0) to connect again, half of it left to chance. */
export function retryDelay(attempt, chance = Math.random()) {
  const grown = Math.min(RETRY_FIRST_MS * 2 ** attempt, RETRY_MAX_MS);
  return grown * (0.5 + 0.5 * chance);
}

const passed = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Events (CustomEvent): `track` with a MediaStream; `answer` with the server's answer; `state` with
 * the state of the stream; `waiting` if a picture takes until the next keyframe; `link` with the rendition and how much of the
 * picture the connection carries; `doubt` with the seconds for which nothing has come, null when it is over; `trouble` with
 * words for people, empty when it is over.
 */
export class Session extends EventTarget {
  #stream;
  #base;
  #connection = null;
  #rival = null;
  #attempt = 0;
  #begunAt = 0;
  #connectedAt = null;
  #retry = null;
  #checking = null;
  /** The way to the server is to be found anew as soon as it can be asked for. */
  #roams = false;
  /** { connection, since, media, signalling }: what is in doubt, since when, and what has been heard again. */
  #doubt = null;
  #beats = null;
  #beatAt = 0;
  /** What had come at the last beat, and for how many beats it has been the same. */
  #seen = { received: 0, beats: 0 };
  #peer = null;
  /** The peer that this page was when it last had a picture: by it the server knows who returns. */
  #former = null;
  #ended = true;

  constructor(stream, base = new URL(import.meta.url).origin) {
    super();
    this.#stream = stream;
    this.#base = base;
  }

  get stream() {
    return this.#stream;
  }

  /** The live RTCPeerConnection, if there is one. */
  get connection() {
    return this.#connection?.pc ?? null;
  }

  /** Connects. Does nothing if it is connected already. */
  start() {
    if (!this.#ended) return;
    this.#ended = false;
    this.#attempt = 0;
    this.#beatAt = Date.now();
    this.#beats = setInterval(() => this.#beat(), BEAT_MS);
    this.#connect();
  }

  /**
   * Something has changed: the page is shown, the network is back, the machine has slept. Who waits
   * to connect need not wait any longer, and who is connected makes sure of it.
   */
  wake() {
    if (this.#ended) return;
    this.#attempt = 0;
    if (this.#connection?.stands) this.#check();
    else if (!this.#connection || Date.now() - this.#begunAt > ATTEMPT_STALE_MS) this.#connect();
  }

  /** The network is another one, or may be: the way to the server has to be found anew. */
  roam() {
    this.#roams = true;
    this.wake();
  }

  /** Watches another stream, over the same connection if there is one. */
  switchTo(stream) {
    if (stream === this.#stream) return;
    this.#stream = stream;
    if (this.#ended) return;
    this.#dropRival();
    if (this.#doubt) return; // said when the server can be heard
    if (this.#connection?.stands && this.#connection.speaks) this.#connection.say({ type: 'switch', stream });
    else this.#connect();
  }

  /** Leaves, for good or until `start` is called again. */
  stop() {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#retry);
    clearInterval(this.#beats);
    this.#endDoubt();
    this.#dropRival();
    this.#connection?.leave();
    this.#connection = null;
  }

  async #beat() {
    const now = Date.now();
    const slept = now - this.#beatAt > SLEPT_MS;
    this.#beatAt = now;
    if (slept) this.wake();
    const connection = this.#connection;
    if (!connection?.stands || this.#doubt) return;
    const received = await connection.received();
    this.#seen = { received, beats: received === this.#seen.received ? this.#seen.beats + 1 : 0 };
    if (this.#seen.beats >= 1 && connection === this.#connection) this.#check();
  }

  /**
   * Doubts the connection if the server cannot be heard any more. One that broke while nobody used it
   * does not say so; otherwise TCP would take minutes to notice.
   */
  async #check() {
    const connection = this.#connection;
    if (this.#checking === connection || this.#doubt) return;
    this.#checking = connection;
    const [began, messages] = [Date.now(), connection.messages];
    connection.say({ type: 'ping' });
    // What had arrived before the question is no answer, and the browser counts it up to 50 ms late.
    await passed(SETTLING_MS);
    const before = await connection.received();
    await passed(PROOF_PATIENCE_MS - SETTLING_MS);
    const alive = connection.messages > messages || await connection.received() > before;
    if (this.#checking === connection) this.#checking = null;
    if (this.#ended || connection !== this.#connection) return;
    // The server may be heard by one way, and its video lost on another.
    const cut = ['disconnected', 'failed'].includes(connection.pc.connectionState);
    if (!alive || cut) this.#begin({ connection, since: began });
    else if (this.#roams) this.#findWay(connection);
  }

  #findWay(connection) {
    this.#roams = false;
    connection.restartIce();
  }

  /** Nothing is heard of the server: it is asked over new sockets, and what comes by the old way is looked for. */
  #begin({ connection, since }) {
    if (this.#doubt || this.#ended) return;
    const doubt = { connection, since, media: false, signalling: false };
    this.#doubt = doubt;
    this.#lookForMedia(doubt);
    this.#lookForServer(doubt);
  }

  #endDoubt() {
    if (!this.#doubt) return;
    this.#doubt = null;
    this.#seen.beats = 0;
    this.#tell('doubt', null);
  }

  async #lookForMedia(doubt) {
    const { connection } = doubt;
    const before = await connection.received();
    for (let told = -1; this.#doubt === doubt && !doubt.media;) {
      const seconds = Math.round((Date.now() - doubt.since) / 1000);
      if (seconds !== told) this.#tell('doubt', seconds);
      told = seconds;
      await passed(LOOK_MS);
      doubt.media = await connection.received() > before;
    }
    if (this.#doubt !== doubt) return;
    this.#dropRival();
    this.#tell('doubt', null);
    if (doubt.signalling) this.#endDoubt();
  }

  async #lookForServer(doubt) {
    const { connection } = doubt;
    const { messages } = connection;
    connection.say({ type: 'ping' });
    const wanted = () => this.#doubt === doubt && connection.messages === messages;
    const found = await rescue({ base: this.#base, token: connection.token, wanted });
    if (this.#doubt !== doubt) return found?.socket.close();
    doubt.signalling = true;
    if (found && !found.known) {
      // It has been let go: there is nothing to come back to.
      return this.#connect(found.socket);
    }
    if (found) {
      connection.resumeOver(found.socket);
      connection.say({ type: 'switch', stream: this.#stream });
    }
    if (doubt.media) return this.#endDoubt();
    if (!this.#roams) await passed(PATH_PATIENCE_MS);
    if (this.#doubt !== doubt || doubt.media) return undefined;
    this.#findWay(connection);
    await passed(RESTART_PATIENCE_MS);
    if (this.#doubt === doubt && !doubt.media) this.#connect();
    return undefined;
  }

  #dropRival() {
    this.#rival?.leave();
    this.#rival = null;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Makes a connection, over this socket or one of its own: beside the present one if that stands. */
  #connect(socket = null) {
    clearTimeout(this.#retry);
    this.#dropRival();
    const connection = new Connection({ base: this.#base, stream: this.#stream, after: this.#former, socket });
    if (this.#connection?.stands) {
      this.#rival = connection;
      this.#race(connection);
    } else {
      this.#connection?.leave();
      this.#connection = connection;
      this.#roams = false;
      connection.addEventListener('track', ({ detail }) => {
        if (connection === this.#connection) this.#tell('track', detail);
      });
    }
    this.#begunAt = Date.now();
    if (connection === this.#connection) this.#connectedAt = null;
    connection.addEventListener('message', ({ detail }) => this.#heard(connection, detail));
    connection.addEventListener('connected', () => {
      if (connection !== this.#connection) return;
      this.#connectedAt ??= Date.now();
      this.#former = this.#peer;
    });
    connection.addEventListener('doubtful', () => {
      if (connection !== this.#connection) return;
      // A socket that has ended need not be waited for.
      if (connection.speaks) this.#check();
      else this.#begin({ connection, since: Date.now() });
    });
    connection.addEventListener('lost', ({ detail }) => this.#lost(connection, detail));
    connection.start();
  }

  /** The rival takes the place of the present connection as soon as it has a picture. */
  async #race(rival) {
    while (rival === this.#rival && (!rival.video || await rival.pictures() === 0)) await passed(LOOK_MS / 2);
    if (rival === this.#rival) this.#win();
  }

  #win() {
    const [former, rival] = [this.#connection, this.#rival];
    this.#connection = rival;
    this.#rival = null;
    this.#connectedAt = Date.now();
    this.#former = this.#peer;
    this.#endDoubt();
    this.#tell('track', rival.video);
    this.#tell('trouble', '');
    former?.leave();
  }

  #lost(connection, why) {
    if (this.#ended) return;
    if (connection === this.#rival) {
      this.#rival = null;
      this.#again();
      return;
    }
    if (connection !== this.#connection) return;
    if (this.#connectedAt && Date.now() - this.#connectedAt > HEALTHY_MS) this.#attempt = 0;
    this.#endDoubt();
    this.#connection = null;
    if (this.#rival) {
      // It is all there is now, whether it has a picture or not.
      this.#connection = this.#rival;
      this.#rival = null;
      this.#tell('trouble', why);
      this.#connection.addEventListener('track', ({ detail }) => this.#tell('track', detail));
      if (this.#connection.video) this.#tell('track', this.#connection.video);
      return;
    }
    this.#tell('trouble', why);
    this.#again();
  }

  #again() {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), retryDelay(this.#attempt++));
  }

  #heard(connection, message) {
    if (message.type === 'answer') this.#peer = message.peer;
    if (connection !== this.#connection) return;
    switch (message.type) {
      case 'answer':
        this.#tell('answer', message);
        break;
      case 'state':
        if (message.stream !== this.#stream) break;
        if (message.state === 'live') this.#tell('trouble', '');
        this.#tell('state', message.state);
        break;
      case 'waiting':
        if (message.stream === this.#stream) this.#tell('waiting');
        break;
      case 'link':
        this.#tell('link', message);
        break;
      case 'error':
        this.#tell('trouble', message.message);
        break;
      default:
        break;
    }
  }
}
