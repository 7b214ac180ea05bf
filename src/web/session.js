// One viewer's connection: signalling over a WebSocket, video over WebRTC.
//
// It ends in as many ways at once as a page has, since whichever reaches the server first lets
// the camera go: the connection is closed, `bye` is said, and the beacon is sent.

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 8000;

/** Delay before the nth attempt (from 0) to connect again, with a quarter of it left to chance. */
export function retryDelay(attempt, chance = Math.random()) {
  const grown = Math.min(RETRY_FIRST_MS * 2 ** attempt, RETRY_MAX_MS);
  return grown * (0.75 + 0.25 * chance);
}

/**
 * Watches one stream after another over one connection, and connects again when it is lost.
 *
 * Events (CustomEvent): `track` with a MediaStream; `state` with the state of the stream;
 * `trouble` with words for people, empty when it is over.
 */
export class Session extends EventTarget {
  #stream;
  #base;
  #socket = null;
  #pc = null;
  #beacon = null;
  #asked = false;
  #attempt = 0;
  #retry = null;
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
    this.#connect();
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
    this.#leave();
  }

  #leave() {
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
    const current = () => this.#socket === socket && !this.#ended;

    socket.onmessage = ({ data }) => current() && this.#heard(JSON.parse(data), pc);
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
      if (pc.connectionState === 'connected') this.#attempt = 0;
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
      this.#say({ type: 'watch', stream: this.#stream, sdp: pc.localDescription.sdp });
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
        this.#beacon = message.beacon;
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
      case 'error':
        this.#tell('trouble', message.message);
        // Without an answer there is nothing to wait for.
        if (!this.#beacon) this.#lost(message.message);
        break;
      default:
        break;
    }
  }
}
