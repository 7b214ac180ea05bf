// What a connection does, in figures: from the browser's statistics (W3C webrtc-stats), each time for the time since the last.

import { captureToPlayer } from './capture-time.js';

/** What is read at one moment; null if there is nothing. */
async function sample(pc) {
  const statistics = [...(await pc.getStats()).values()];
  const video = statistics.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
  if (!video) return null;
  const pair = statistics.find(({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded')
    ?? statistics.find(({ type, state }) => type === 'candidate-pair' && state === 'succeeded');
  const [receiver] = pc.getReceivers();
  return {
    video,
    pair,
    report: statistics.find(({ type }) => type === 'remote-outbound-rtp'),
    codec: statistics.find(({ id }) => id === video.codecId)?.mimeType?.split('/')[1] ?? null,
    source: receiver?.getSynchronizationSources?.()[0],
  };
}

/** The figures between two samples; `before` may be null. Pure. */
export function figuresOf(before, now) {
  const { video, pair, report, codec, source } = now;
  const was = before?.video.id === video.id ? before.video : null;
  const since = (name) => (video[name] ?? 0) - (was?.[name] ?? 0);
  const seconds = was ? (video.timestamp - was.timestamp) / 1000 : null;
  const rate = (name) => (seconds > 0 ? since(name) / seconds : null);
  // Milliseconds a frame.
  const each = (time, count) => (since(count) > 0 ? (1000 * since(time)) / since(count) : null);
  const arrived = since('packetsReceived');
  const lost = Math.max(0, since('packetsLost'));
  const roundTrip = pair?.currentRoundTripTime === undefined ? null : 1000 * pair.currentRoundTripTime;
  return {
    width: video.frameWidth ?? null,
    height: video.frameHeight ?? null,
    codec,
    framesPerSecond: rate('framesDecoded') ?? video.framesPerSecond ?? null,
    bitsPerSecond: seconds > 0 ? (8 * since('bytesReceived')) / seconds : null,
    lostPercent: arrived + lost > 0 ? (100 * lost) / (arrived + lost) : null,
    lostPackets: video.packetsLost ?? 0,
    roundTripMs: roundTrip,
    bufferMs: each('jitterBufferDelay', 'jitterBufferEmittedCount'),
    decodeMs: each('totalDecodeTime', 'framesDecoded'),
    latencyMs: captureToPlayer(source, report, roundTrip),
    droppedFrames: video.framesDropped ?? 0,
    freezes: video.freezeCount ?? 0,
  };
}

/** Reads the figures of a connection again and again. */
export class Meter {
  #pc = null;
  #before = null;
  #figures = null;

  /** Those since the last reading of the same connection; null if there is nothing to measure. */
  async read(pc) {
    const now = pc ? await sample(pc).catch(() => null) : null;
    const before = pc === this.#pc ? this.#before : null;
    // Browsers give the same statistics for some moments: no time has passed in them.
    if (now && before?.video.timestamp === now.video.timestamp) return this.#figures;
    this.#pc = pc;
    this.#before = now;
    this.#figures = now && figuresOf(before, now);
    return this.#figures;
  }
}
