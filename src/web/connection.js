// One connection to the server: signalling over a WebSocket, video over WebRTC.
//
// It ends in as many ways at once as a page has, since whichever reaches the server first lets
// the camera go: the connection is closed, `bye` is said, and the beacon is sent.

import { askForCaptureTimes } from './capture-time.js';

/** An attempt that has no answer by then is given up. */
const ANSWER_PATIENCE_MS = 8000;

const LOST = 'The connection to the server is lost. Trying again …';

/** A signalling socket to the server of this address. */
export function signalling(base) {
  const url = new URL('/ws', base);
  // What a link carries to be let in.
  url.search = new URL(base).search;
  url.protocol = url.protocol.replace('http', 'ws');
  return new WebSocket(url);
}

/** Resolves when a socket can be written to; never, if it cannot. */
function opened(socket) {
  if (socket.readyState !== WebSocket.CONNECTING) return Promise.resolve();
  return new Promise((resolve) => { socket.addEventListener('open', resolve, { once: true }); });
}

/**
 * Events (CustomEvent): `track` with a MediaStream; `message` with what the server says; `connected`; `doubtful` if it may be dead;
 * `lost` with words if it is. After `lost`, and after `leave`, there are no more.
 */
export class Connection extends EventTarget {
  #base;
  #stream;
  #after;
  #socket;
  /** Those before, until the server knows of this one. */
  #formers = [];
  /** Which offer the latest is. Answers to others come too late. */
  #offer = 0;
  /** What has come by the media path, all in all, and by which way how much. */
  #received = 0;
  #ways = new Map();
  #pc = null;
  #beacon = null;
  #peer = null;
  #asked = false;
  #over = false;
  #patience = null;
  #messages = 0;
  #video = null;

  /** Of a viewer of `stream` that was the peer `after` before, over this socket or one of its own. */
  constructor({ base, stream, after = null, socket = null }) {
    super();
    this.#base = base;
    this.#stream = stream;
    this.#after = after;
    this.#socket = socket;
  }

  /** The RTCPeerConnection. */
  get pc() {
    return this.#pc;
  }

  /** The MediaStream, once there is one. */
  get video() {
    return this.#video;
  }

  /** Whether the server has let it in. */
  get stands() {
    return this.#beacon !== null;
  }

  /** Its name at the server. */
  get peer() {
    return this.#peer;
  }

  /** The secret that the server knows it by. */
  get token() {
    return this.#beacon?.split('/').at(-2) ?? null;
  }

  /** Whether what is said may arrive. */
  get speaks() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** How many messages have come from the server. */
  get messages() {
    return this.#messages;
  }

  async start() {
    this.#socket ??= signalling(this.#base);
    this.#listen(this.#socket);
    this.#patience = setTimeout(() => this.#lost('The server does not answer. Trying again …'), ANSWER_PATIENCE_MS);
    try {
      await this.#watch();
    } catch (error) {
      this.#lost(`The browser cannot connect: ${error.message}`);
    }
  }

  async #watch() {
    const pc = new RTCPeerConnection();
    this.#pc = pc;
    pc.ontrack = ({ streams, receiver }) => {
      if (this.#over) return;
      // Show pictures as soon as they come: this is a live view.
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
      // After a server's close the connection's own state stays as it was; its transport tells.
      receiver.transport?.addEventListener('statechange', () => {
        if (receiver.transport.state === 'closed') this.#lost('The server ended the connection. Trying again …');
      });
      this.#video = streams[0];
      this.#tell('track', streams[0]);
    };
    pc.onicecandidate = ({ candidate }) => {
      if (!candidate?.candidate || !this.#asked) return;
      const { sdpMid, sdpMLineIndex } = candidate;
      this.say({ type: 'candidate', candidate: candidate.candidate, sdpMid, sdpMLineIndex });
    };
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === 'connected') this.#tell('connected');
      // Neither is the end: the path may be back any moment, and the server waits for it.
      if (pc.connectionState === 'disconnected' || pc.connectionState === 'failed') this.#tell('doubtful');
    };
    askForCaptureTimes(pc.addTransceiver('video', { direction: 'recvonly' }));
    await pc.setLocalDescription();
    await opened(this.#socket);
    // By now the description has the candidates that were found meanwhile.
    if (this.#over) return;
    this.say({ type: 'watch', stream: this.#stream, sdp: pc.localDescription.sdp, after: this.#after ?? undefined });
    this.#asked = true;
  }

  /** Says something to the server, if that is possible. */
  say(message) {
    if (this.speaks) this.#socket.send(JSON.stringify(message));
  }

  /** Goes on over another socket. */
  resumeOver(socket) {
    // The end of the one by which the server knows us is a leaving: first it has to know of the other.
    this.#formers.push(this.#socket);
    this.#socket = socket;
    this.#listen(socket);
    this.say({ type: 'resume', token: this.token });
  }

  /** Begins ICE anew: the network may be another one. */
  async restartIce() {
    if (this.#over || !this.stands || !this.speaks) return;
    const offer = ++this.#offer;
    try {
      await this.#pc.setLocalDescription(await this.#pc.createOffer({ iceRestart: true }));
      if (!this.#over && offer === this.#offer) this.say({ type: 'restart', sdp: this.#pc.localDescription.sdp, offer });
    } catch {
      // Then it goes on as it was.
    }
  }

  /** How much has come by the media path: packets of video, and answers to the browser's own checks. It never falls. */
  async received() {
    for (const { id, type, packetsReceived, responsesReceived } of await this.#statistics()) {
      const count = { 'inbound-rtp': packetsReceived, 'candidate-pair': responsesReceived }[type];
      if (count === undefined) continue;
      // Ways that are no more are not in the statistics, and new ones begin with nothing.
      this.#received += Math.max(0, count - (this.#ways.get(id) ?? 0));
      this.#ways.set(id, count);
    }
    return this.#received;
  }

  /** The round trip of the media path as the browser knows it, ms. */
  async roundTrip() {
    const times = (await this.#statistics()).map(({ currentRoundTripTime: seconds }) => seconds ?? 0);
    return 1000 * Math.max(0, ...times);
  }

  /** Whether any video has come. */
  async shows() {
    return (await this.#statistics()).some(({ type, packetsReceived }) => type === 'inbound-rtp' && packetsReceived > 0);
  }

  async #statistics() {
    // A connection that has been closed meanwhile has nothing to say.
    const stats = await this.#pc?.getStats().catch(() => null);
    return stats ? [...stats.values()] : [];
  }

  leave() {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#patience);
    // A live track would keep the page out of the back/forward cache.
    this.#pc?.getReceivers().forEach(({ track }) => track.stop());
    this.#pc?.close();
    if (this.speaks) this.#socket.send('{"type":"bye"}');
    for (const socket of [this.#socket, ...this.#formers]) socket?.close();
    if (this.#beacon) navigator.sendBeacon(new URL(this.#beacon, this.#base));
  }

  #listen(socket) {
    socket.onmessage = ({ data }) => {
      if (this.#over || socket !== this.#socket) return;
      this.#messages += 1;
      this.#heard(JSON.parse(data));
    };
    socket.onclose = () => {
      if (this.#over || socket !== this.#socket) return;
      if (this.stands) this.#tell('doubtful');
      else this.#lost(LOST);
    };
  }

  async #heard(message) {
    if (message.type === 'answer') {
      clearTimeout(this.#patience);
      this.#beacon = message.beacon;
      this.#peer = message.peer;
      this.#tell('message', message);
      const first = message.offer === undefined;
      // A hidden page may leave at once.
      if (this.#over || (!first && message.offer !== this.#offer)) return;
      try {
        await this.#pc.setRemoteDescription({ type: 'answer', sdp: message.sdp });
      } catch (error) {
        // Without a restart it goes on as it was.
        if (first) this.#lost(`The browser cannot connect: ${error.message}`);
      }
      return;
    }
    if (message.type === 'resumed') {
      for (const socket of this.#formers.splice(0)) socket.close();
    }
    this.#tell('message', message);
    if (message.type === 'closed') this.#lost('The server ended the connection. Trying again …');
    // Without an answer there is nothing to wait for.
    else if (message.type === 'error' && !this.stands) this.#lost(message.message);
  }

  #lost(why) {
    if (this.#over) return;
    this.leave();
    super.dispatchEvent(new CustomEvent('lost', { detail: why }));
  }

  #tell(type, detail) {
    if (!this.#over) this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
