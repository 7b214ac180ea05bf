// Watches one stream after another over one connection, and sees to it that there is one.
//
// A connection is given up when another stands, and not before. While this one is in doubt the server is asked over new
// sockets whether it still knows it; if so it goes on, and if not, or if its video does not come back, another connection is
// made beside it. Whichever shows a picture first wins, and the other leaves.

import { refusal } from './refusal.js';
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

/** Media that has come by for so long no more has not come back. */
const MEDIA_STALE_MS = 1000;

/** Another connection that does not stand by then is given up. */
const RIVAL_PATIENCE_MS = 6000;

/** The server has no sign that its video arrives: that nothing does for so long proves it right. */
const LOOK_AROUND_MS = 250;

/** While there is doubt, so often it is looked for what has come. */
const LOOK_MS = 100;

/** The server knows us and can be heard: if video does not come for so long, ICE begins anew, and then another connection. */
const PATH_PATIENCE_MS = 700;
const RESTART_PATIENCE_MS = 1500;

const BEAT_MS = 1000;

/** Who is answered so does not get the stream that was asked for, or not now. */
const REFUSED = ['unknown_stream', 'unauthorised', 'too_many_offers'];

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
 * the state of the stream; `shows` when its pictures begin, with the RTP timestamp after which they do, null if all are its; `lost` when the
 * connection has ended; `waiting` if a picture takes until the next keyframe; `link` with the rendition and how much of the
 * picture the connection carries; `drops` with what the server did not send; `doubt` with the seconds for which nothing has come, null when it is over; `trouble` with
 * words for people, empty when it is over.
 */
export class Session extends EventTarget {
  #stream;
  #base;
  #connection = null;
  /** { connection, heard }: another one that is made beside it, and the latest message of each kind that it was told. */
  #rival = null;
  #attempt = 0;
  #begunAt = 0;
  #connectedAt = null;
  #retry = null;
  #checking = null;
  /** Something was said by signalling: that has to be heard from, too. */
  #mustAnswer = false;
  /** The way to the server is to be found anew as soon as it can be asked for. */
  #roams = false;
  /** { connection, since, media, signalling, letGo }: what is in doubt, since when, what has been heard again, and whether the server
   *  has forgotten it. */
  #doubt = null;
  #beats = null;
  #beatAt = 0;
  /** What had come at the last beat, and since when it has been the same. */
  #seen = { received: 0, since: 0 };
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
    this.#seen = { received: 0, since: this.#beatAt };
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
    if (this.#retry !== null) this.#connect();
    else if (this.#connection?.stands) this.#check();
    else if (!this.#connection || Date.now() - this.#begunAt > ATTEMPT_STALE_MS) this.#connect();
  }

  /** The network is another one, or may be: the way to the server has to be found anew. */
  roam() {
    if (this.#ended) return;
    this.#roams = true;
    this.wake();
  }

  /** Watches another stream, over the same connection if there is one. */
  switchTo(stream) {
    if (stream === this.#stream) return;
    this.#stream = stream;
    if (this.#ended) return;
    const beside = this.#rival !== null || this.#retry !== null;
    this.#dropRival();
    const heard = this.#connection?.stands && this.#connection.speaks && (!this.#doubt || this.#doubt.signalling);
    if (heard) {
      this.#connection.say({ type: 'switch', stream });
      // By its video alone it is not known whether that arrives.
      this.#check({ bySignalling: true });
    }
    if (beside || (!heard && !this.#doubt)) this.#connect();
  }

  /** Leaves, for good or until `start` is called again. */
  stop() {
    if (this.#ended) return;
    this.#ended = true;
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
    if (received !== this.#seen.received) this.#seen = { received, since: now };
    else if (connection === this.#connection) this.#check();
  }

  /**
   * Doubts the connection if the server cannot be heard any more. One that broke while nobody used it
   * does not say so; otherwise TCP would take minutes to notice.
   */
  async #check({ bySignalling = false } = {}) {
    const connection = this.#connection;
    this.#mustAnswer ||= bySignalling;
    if (this.#checking === connection || this.#doubt) return;
    this.#checking = connection;
    const { messages } = connection;
    connection.say({ type: 'ping' });
    // What had arrived before the question is no answer, and the browser counts it up to 50 ms late.
    await passed(SETTLING_MS);
    const before = await connection.received();
    await passed(PROOF_PATIENCE_MS - SETTLING_MS);
    const moves = await connection.received() > before;
    const alive = connection.messages > messages || (moves && !this.#mustAnswer);
    this.#mustAnswer = false;
    if (this.#checking === connection) this.#checking = null;
    if (this.#ended || connection !== this.#connection) return;
    // The server may be heard by one way, and its video lost on another.
    const cut = ['disconnected', 'failed'].includes(connection.pc.connectionState);
    if (!alive || cut) this.#begin(connection);
    else if (this.#roams) this.#findWay(connection);
  }

  #findWay(connection) {
    this.#roams = false;
    connection.restartIce();
  }

  /** Nothing is heard of the server: it is asked over new sockets, and what comes by the old way is looked for. */
  #begin(connection) {
    if (this.#doubt || this.#ended) return;
    const doubt = { connection, since: this.#seen.since, media: false, signalling: false, letGo: false };
    this.#doubt = doubt;
    this.#lookForMedia(doubt);
    this.#lookForServer(doubt);
  }

  #endDoubt() {
    if (!this.#doubt) return;
    this.#doubt = null;
    this.#seen = { received: 0, since: Date.now() };
    this.#tell('doubt', null);
  }

  /** Until the doubt is over: looks for what comes, and says for how long nothing has. */
  async #lookForMedia(doubt) {
    const { connection } = doubt;
    // What had arrived before.
    await passed(SETTLING_MS);
    let received = await connection.received();
    for (let told = null; this.#doubt === doubt;) {
      const seconds = doubt.media ? null : Math.round((Date.now() - doubt.since) / 1000);
      if (seconds !== told) this.#tell('doubt', seconds);
      told = seconds;
      await passed(LOOK_MS);
      const now = await connection.received();
      if (this.#doubt !== doubt) return;
      if (now > received) {
        [received, doubt.since] = [now, Date.now()];
        if (!doubt.media) this.#dropRival();
        doubt.media = true;
      } else if (Date.now() - doubt.since > MEDIA_STALE_MS) {
        doubt.media = false;
      }
      if (doubt.media && doubt.signalling) this.#endDoubt();
    }
  }

  async #lookForServer(doubt) {
    const { connection } = doubt;
    const { messages } = connection;
    connection.say({ type: 'ping' });
    const wanted = () => this.#doubt === doubt && connection.messages === messages;
    const { token } = connection;
    const found = await rescue({ base: this.#base, token, roundTrip: await connection.roundTrip(), wanted });
    if (this.#doubt !== doubt) return found?.socket?.close();
    if (found?.refused) {
      connection.leave();
      return this.#lost(connection, found.refused);
    }
    if (found && !found.known) {
      // It has been let go: there is nothing to come back to.
      doubt.letGo = true;
      return this.#connect(found.socket);
    }
    doubt.signalling = true;
    if (found) connection.resumeOver(found.socket);
    // It may have been wanted meanwhile.
    connection.say({ type: 'switch', stream: this.#stream });
    if (!this.#roams) await passed(PATH_PATIENCE_MS);
    if (this.#doubt !== doubt || doubt.media) return undefined;
    this.#findWay(connection);
    await passed(RESTART_PATIENCE_MS);
    if (this.#doubt === doubt && !doubt.media && !this.#rival) this.#connect();
    return undefined;
  }

  /** The server has no sign that its video arrives. If it does not, a router on the way may have forgotten us: ICE finds it out. */
  async #lookAround(connection) {
    const before = await connection.received();
    await passed(LOOK_AROUND_MS);
    if (connection === this.#connection && await connection.received() === before) this.#findWay(connection);
  }

  #dropRival() {
    clearTimeout(this.#retry);
    this.#retry = null;
    this.#rival?.connection.leave();
    this.#rival = null;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Makes a connection, over this socket or one of its own: beside the present one if that stands. */
  #connect(socket = null) {
    this.#dropRival();
    const connection = new Connection({ base: this.#base, stream: this.#stream, after: this.#former, socket });
    this.#begunAt = Date.now();
    if (this.#connection?.stands) {
      // What is said to it is told when it has won.
      this.#rival = { connection, heard: new Map() };
      this.#race(this.#rival);
    } else {
      this.#connection?.leave();
      this.#connection = connection;
      this.#connectedAt = null;
      this.#roams = false;
    }
    connection.addEventListener('track', ({ detail }) => connection === this.#connection && this.#tell('track', detail));
    connection.addEventListener('message', ({ detail }) => this.#heard(connection, detail));
    connection.addEventListener('connected', () => connection === this.#connection && this.#isConnected());
    connection.addEventListener('doubtful', () => {
      if (connection === this.#rival?.connection) this.#giveUpRival();
      if (connection !== this.#connection) return;
      // A socket that has ended need not be waited for.
      if (connection.speaks) this.#check();
      else this.#begin(connection);
    });
    connection.addEventListener('lost', ({ detail }) => this.#lost(connection, detail));
    connection.start();
  }

  #isConnected() {
    this.#connectedAt ??= Date.now();
    this.#former = this.#connection.peer;
  }

  /** The rival takes the place of the present connection as soon as it has a picture. */
  async #race(rival) {
    const { connection } = rival;
    const began = Date.now();
    while (rival === this.#rival && !(connection.video && await connection.shows())) {
      await passed(LOOK_MS / 2);
      const late = Date.now() - began > RIVAL_PATIENCE_MS && connection.pc?.connectionState !== 'connected';
      if (rival === this.#rival && late) return this.#giveUpRival();
    }
    if (rival === this.#rival) this.#takeOver();
    return undefined;
  }

  #giveUpRival() {
    this.#dropRival();
    this.#again();
  }

  /** The rival is the connection from now on. */
  #takeOver() {
    const [former, { connection, heard }] = [this.#connection, this.#rival];
    this.#connection = connection;
    this.#rival = null;
    this.#dropRival();
    this.#connectedAt = null;
    this.#roams = false;
    if (connection.pc?.connectionState === 'connected') this.#isConnected();
    this.#endDoubt();
    // Until it has one, what is shown is the former's picture.
    if (!connection.video) this.#tell('lost');
    this.#tell('trouble', '');
    for (const message of heard.values()) this.#heard(connection, message);
    if (connection.video) this.#tell('track', connection.video);
    former?.leave();
  }

  #lost(connection, why) {
    if (this.#ended) return;
    if (connection === this.#rival?.connection) this.#giveUpRival();
    if (connection !== this.#connection) return;
    if (this.#connectedAt && Date.now() - this.#connectedAt > HEALTHY_MS) this.#attempt = 0;
    // What is made beside it is all there is now, whether it has a picture or not.
    if (this.#rival) return void this.#takeOver();
    this.#endDoubt();
    this.#connection = null;
    this.#tell('lost');
    this.#tell('trouble', why);
    this.#again();
    if (connection.messages === 0) this.#askWhy();
  }

  /** Whoever may not come in shall know. */
  async #askWhy() {
    const words = await refusal(this.#base);
    if (words && !this.#ended && !this.#connection?.stands) this.#tell('trouble', words);
  }

  #again() {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#connect();
    }, retryDelay(this.#attempt++));
  }

  #heard(connection, message) {
    if (connection === this.#rival?.connection) {
      this.#rival.heard.set(message.type, message);
      // Of the present one nothing more is to be expected.
      if (message.type === 'answer' && this.#doubt?.letGo) this.#takeOver();
      return;
    }
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
      case 'shows':
        if (message.stream === this.#stream) this.#tell('shows', message.after);
        break;
      case 'waiting':
        if (message.stream === this.#stream) this.#tell('waiting');
        break;
      case 'silent':
        this.#lookAround(connection);
        break;
      case 'link':
      case 'drops':
        this.#tell(message.type, message);
        break;
      case 'error':
        // It was let go between a question and the next.
        if (message.code === 'unknown_peer') {
          if (this.#doubt) this.#doubt.letGo = true;
          this.#connect();
        } else if (message.stream !== undefined && message.stream !== this.#stream) {
          // Another has been asked for since.
        } else if (message.stream !== undefined && REFUSED.includes(message.code)) {
          // What it was sent before nobody wants any more, and its camera can be closed.
          connection.leave();
          this.#lost(connection, message.message);
        } else this.#tell('trouble', message.message);
        break;
      default:
        break;
    }
  }
}
