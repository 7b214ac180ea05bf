/** What the server says of a stream. */
export type StreamState = 'idle' | 'starting' | 'live' | 'paused' | 'stopping' | 'backoff' | 'failed';

/** What the server found a viewer's connection to carry. */
export interface Carried {
  /** The rendition that is sent. */
  rendition: 'full' | 'small';
  /** How much of the full picture's bits is carried, percent; null: all of it, or nobody knows. */
  carries_percent: number | null;
}

/** What the server did not send over a connection. */
export interface Dropped {
  /** Frames that could not have been decoded: a keyframe had to come first. */
  skipped_frames: number;
  /** Frames that would have come late over the viewer's link. */
  late_frames: number;
  /** Packets that the server's socket did not take in time. */
  refused_packets: number;
}

/** Figures of a connection, for the time since they were last asked for. Null is what is not known. */
export interface Figures {
  width: number | null;
  height: number | null;
  codec: string | null;
  framesPerSecond: number | null;
  bitsPerSecond: number | null;
  /** Of the packets of that time. */
  lostPercent: number | null;
  /** In all. */
  lostPackets: number;
  roundTripMs: number | null;
  /** How long a frame waits in the browser before it is decoded. */
  bufferMs: number | null;
  decodeMs: number | null;
  /** From the camera's driver to the player, where server and browser tell of their clocks. */
  latencyMs: number | null;
  /** In all. */
  droppedFrames: number;
  /** In all. */
  freezes: number;
}

export interface LenscapVideoEventMap {
  /** Another state of the stream; null: it is not watched any more. */
  state: CustomEvent<StreamState | null>;
  /** The first picture of a stream is shown. */
  picture: CustomEvent<null>;
  /** What is wrong, in words for people; empty when it is over. */
  trouble: CustomEvent<string>;
  /** What the connection carries; null: nothing is known of it. */
  link: CustomEvent<Carried | null>;
  /** For how many seconds nothing has come; null when it is over. */
  doubt: CustomEvent<number | null>;
}

/** Shows a stream for as long as it is in the document. */
export class LenscapVideo extends HTMLElement {
  /** The name of the stream; a change switches over the live connection. */
  get stream(): string | null;
  set stream(name: string | null | undefined);
  /** The video within. */
  readonly video: HTMLVideoElement;
  /** The connection, if there is one. */
  readonly connection: RTCPeerConnection | null;
  readonly state: StreamState | null;
  /** What is wrong, in words for people; empty if nothing is. */
  readonly trouble: string;
  readonly carried: Carried | null;
  readonly dropped: Dropped | null;
  /** For how many seconds the page may be hidden before it leaves; null: for ever. */
  readonly hiddenTimeout: number | null;
  /** The picture that is shown; rejects if there is none yet. `type` is `image/png` if nothing is said. */
  snapshot(type?: string): Promise<Blob>;
  /** Null if there is no connection. */
  statistics(): Promise<Figures | null>;
  addEventListener<K extends keyof LenscapVideoEventMap>(
    type: K, listener: (this: LenscapVideo, event: LenscapVideoEventMap[K]) => unknown, options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof LenscapVideoEventMap>(
    type: K, listener: (this: LenscapVideo, event: LenscapVideoEventMap[K]) => unknown, options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | EventListenerOptions): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'lenscap-video': LenscapVideo;
  }
}
