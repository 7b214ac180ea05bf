// One viewer's connection: signalling over a WebSocket, video over WebRTC.
//
// It ends in as many ways at once as a page has, since whichever reaches the server first lets
// the camera go: the connection is closed, `bye` is said, and the beacon is sent.

const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 8000;

/** A connection that stood for so long was well: the delays begin anew. */
const HEALTHY_MS = 5000;

/** An attempt that has no answer by then is given up. */
const ANSWER_PATIENCE_MS = 8000;

/** An attempt older than this may be from before things changed, and wait for what is gone. */
const ATTEMPT_STALE_MS = 1000;

/** A connection in doubt is dead if nothing comes by it for so long, an answer least of all. */
const PROOF_PATIENCE_MS = 800;
/** Packets that were under way at the beginning of that are no proof. */
const SETTLING_MS = 200;

const BEAT_MS = 1000;

/** Beats farther apart than this: the machine slept, or the page was suspended. */
const SLEPT_MS = 3000;

/** Delay before the nth attempt (from 0) to connect again, half of it left to chance. */
export function retryDelay(attempt, chance = Math.random()) {
  const grown = Math.min(RETRY_FIRST_MS * 2 ** attempt, RETRY_MAX_MS);
  return grown * (0.5 + 0.5 * chance);
}

const passed = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** How many packets of video have come by a connection. */
async function received(pc) {
  let packets = 0;
  // A connection that the page has closed meanwhile has nothing to say.
  const stats = await pc.getStats().catch(() => new Map());
  for (const entry of stats.values()) {
    if (entry.type === 'inbound-rtp') packets += entry.packetsReceived;
  }
  return packets;
}

/**
 * Watches one stream after another over one connection, and connects again when it is lost.
 *
 * Events (CustomEvent): `track` with a MediaStream; `answer` with the server's answer; `state` with
 * the state of the stream; `waiting` if a picture takes until the next keyframe; `link` with the rendition and how much of the picture the connection carries; `trouble` with
 * words for people, empty when it is over.
 */
export class Session extends EventTarget {
  #stream;
  #base;
  #socket = null;
  #pc = null;
  #beacon = null;
  #asked = false;
  #attempt = 0;
  #begunAt = 0;
  #connectedAt = null;
  #retry = null;
  #patience = null;
  #checking = null;
  #messages = 0;
  #beats = null;
  #beatAt = 0;
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
    return this.#pc;
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
    if (this.#beacon) this.#check();
    else if (!this.#socket || Date.now() - this.#begunAt > ATTEMPT_STALE_MS) this.#connect();
  }

  /** Watches another stream, over the same connection if there is one. */
  switchTo(stream) {
    if (stream === this.#stream) return;
    this.#stream = stream;
    if (this.#ended) return;
    if (this.#beacon && this.#socket?.readyState === WebSocket.OPEN) {
      this.#say({ type: 'switch', stream });
    } else {
      this.#connect();
    }
  }

  /** Leaves, for good or until `start` is called again. */
  stop() {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#retry);
    clearInterval(this.#beats);
    this.#leave();
  }

  #beat() {
    const now = Date.now();
    const slept = now - this.#beatAt > SLEPT_MS;
    this.#beatAt = now;
    if (slept) this.wake();
    else if (this.#beacon && this.#pc?.connectionState === 'disconnected') this.#check();
  }

  /**
   * Connects anew if the server cannot be heard any more. A connection that broke while nobody used it
   * does not say so; otherwise TCP would take minutes to notice.
   */
  async #check() {
    const [socket, pc, messages] = [this.#socket, this.#pc, this.#messages];
    if (this.#checking === socket) return;
    this.#checking = socket;
    this.#say({ type: 'ping' });
    // What had arrived before the question is no answer, and the browser counts it up to 50 ms late.
    await passed(SETTLING_MS);
    const before = await received(pc);
    await passed(PROOF_PATIENCE_MS - SETTLING_MS);
    const alive = this.#messages > messages || await received(pc) > before;
    if (this.#checking === socket) this.#checking = null;
    if (alive || this.#ended || this.#socket !== socket) return;
    this.#tell('trouble', 'The connection to the server is lost. Trying again …');
    this.#connect();
  }

  #leave() {
    clearTimeout(this.#patience);
    const [pc, socket, beacon] = [this.#pc, this.#socket, this.#beacon];
    this.#pc = this.#socket = this.#beacon = null;
    this.#asked = false;
    // A live track would keep the page out of the back/forward cache.
    pc?.getReceivers().forEach(({ track }) => track.stop());
    pc?.close();
    if (socket) {
      if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"bye"}');
      socket.close();
    }
    if (beacon) navigator.sendBeacon(new URL(beacon, this.#base));
  }

  #say(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #lost(why) {
    if (this.#ended) return;
    if (this.#connectedAt && Date.now() - this.#connectedAt > HEALTHY_MS) this.#attempt = 0;
    this.#leave();
    clearTimeout(this.#retry);
    this.#tell('trouble', why);
    this.#retry = setTimeout(() => this.#connect(), retryDelay(this.#attempt++));
  }

  async #connect() {
    clearTimeout(this.#retry);
    this.#leave();
    const url = new URL('/ws', this.#base);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    const pc = new RTCPeerConnection();
    this.#socket = socket;
    this.#pc = pc;
    this.#begunAt = Date.now();
    this.#connectedAt = null;
    const current = () => this.#socket === socket && !this.#ended;

    this.#patience = setTimeout(
      () => current() && this.#lost('The server does not answer. Trying again …'), ANSWER_PATIENCE_MS,
    );
    socket.onmessage = ({ data }) => {
      if (!current()) return;
      this.#messages += 1;
      this.#heard(JSON.parse(data), pc);
    };
    socket.onclose = () => current() && this.#lost('The connection to the server is lost. Trying again …');
    pc.ontrack = ({ streams, receiver }) => {
      // Show pictures as soon as they come: this is a live view.
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
      // After a server's close the connection's own state stays as it was; its transport tells.
      receiver.transport?.addEventListener('statechange', () => {
        if (current() && receiver.transport.state === 'closed') this.#lost('The server ended the connection. Trying again …');
      });
      if (current()) this.#tell('track', streams[0]);
    };
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate && current() && this.#asked) this.#candidate(candidate);
    };
    pc.onconnectionstatechange = () => {
      if (!current()) return;
      if (pc.connectionState === 'connected') {
        this.#connectedAt = Date.now();
        this.#former = this.#peer;
      }
      if (pc.connectionState === 'disconnected' && this.#beacon) this.#check();
      if (pc.connectionState === 'failed') this.#lost('The video connection failed. Trying again …');
    };

    try {
      pc.addTransceiver('video', { direction: 'recvonly' });
      await pc.setLocalDescription();
      if (socket.readyState === WebSocket.CONNECTING) {
        await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
      }
      // By now the description has the candidates that were found meanwhile.
      if (!current()) return;
      this.#say({ type: 'watch', stream: this.#stream, sdp: pc.localDescription.sdp, after: this.#former ?? undefined });
      this.#asked = true;
    } catch (error) {
      if (current()) this.#lost(`The browser cannot connect: ${error.message}`);
    }
  }

  #candidate({ candidate, sdpMid, sdpMLineIndex }) {
    this.#say({ type: 'candidate', candidate, sdpMid, sdpMLineIndex });
  }

  async #heard(message, pc) {
    switch (message.type) {
      case 'answer':
        clearTimeout(this.#patience);
        this.#beacon = message.beacon;
        this.#peer = message.peer;
        this.#tell('answer', message);
        if (this.#pc !== pc) break; // a hidden page may leave at once
        try {
          await pc.setRemoteDescription({ type: 'answer', sdp: message.sdp });
        } catch (error) {
          if (this.#pc === pc) this.#lost(`The browser cannot connect: ${error.message}`);
        }
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
        // Without an answer there is nothing to wait for.
        if (!this.#beacon) this.#lost(message.message);
        break;
      case 'closed':
        this.#lost('The server ended the connection. Trying again …');
        break;
      default:
        break;
    }
  }
}
