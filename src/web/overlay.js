// The statistics of a <lenscap-video>, as a list over its picture.

import { el, text } from './dom.js';
import { linkWords } from './link-words.js';

const EVERY_MS = 1000;

const unknown = (value, words) => (value === null || value === undefined ? 'unknown' : words(value));
const round = (ms) => `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms)} ms`;

export function bitsWords(bps) {
  return bps >= 1e6 ? `${(bps / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bps / 1e3)} kbit/s`;
}

/** What the server did not send, by reason, in words. Pure. */
export function dropsWords(dropped) {
  const { skipped_frames: skipped = 0, late_frames: late = 0, refused_packets: refused = 0 } = dropped ?? {};
  const frames = (count) => `${count} ${count === 1 ? 'frame' : 'frames'}`;
  const reasons = [
    late > 0 && `${frames(late)} too late for your link`,
    skipped > 0 && `${frames(skipped)} before a keyframe`,
    refused > 0 && `${refused} ${refused === 1 ? 'packet' : 'packets'} for want of room`,
  ].filter(Boolean);
  return reasons.join(', ') || 'nothing';
}

/** Each line: its name, and its words by the figures, by what the server found the connection to carry, and by what it dropped. Pure. */
const LINES = [
  ['Picture', ({ width, height, codec }) => (width ? `${width} × ${height}${codec ? `, ${codec.replace('H264', 'H.264')}` : ''}` : 'none yet')],
  ['Frames', ({ framesPerSecond }) => unknown(framesPerSecond, (fps) => `${fps.toFixed(1)} a second`)],
  ['Bit rate', ({ bitsPerSecond }) => unknown(bitsPerSecond, bitsWords)],
  ['Lost packets', ({ lostPercent, lostPackets }) => unknown(lostPercent, (percent) => `${percent.toFixed(1)} % now, ${lostPackets} in all`)],
  ['Round trip', ({ roundTripMs }) => unknown(roundTripMs, round)],
  ['Waits in the browser', ({ bufferMs }) => unknown(bufferMs, round)],
  ['Decoding', ({ decodeMs }) => unknown(decodeMs, (ms) => `${round(ms)} a frame`)],
  ['From camera to screen', ({ latencyMs }) => unknown(latencyMs, round)],
  ['Dropped by the server', (_, __, dropped) => dropsWords(dropped)],
  ['Dropped by the browser', ({ droppedFrames, freezes }) => `${droppedFrames} frames, ${freezes} ${freezes === 1 ? 'freeze' : 'freezes'}`],
  ['Server’s estimate', (_, carried) => (carried && linkWords(carried)) || 'Your connection carries all of it.'],
];

export function overlayLines(figures, carried, dropped) {
  return LINES.map(([name, words]) => [name, words(figures, carried, dropped)]);
}

/** The list: shown while `open` is set, and only then anything is measured. */
export class Overlay {
  #viewer;
  #timer = null;
  #values;
  root;

  constructor(viewer) {
    this.#viewer = viewer;
    this.root = el('dl', { class: 'figures', hidden: true });
    this.#values = LINES.map(([name]) => {
      const value = el('dd', {}, '…');
      this.root.append(el('div', {}, el('dt', {}, name), value));
      return value;
    });
  }

  get open() {
    return !this.root.hidden;
  }

  set open(open) {
    this.root.hidden = !open;
    clearInterval(this.#timer);
    if (!open) return;
    this.#look();
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  async #look() {
    if (!this.root.isConnected) {
      // Its player has gone.
      clearInterval(this.#timer);
      return;
    }
    const figures = await this.#viewer.statistics();
    if (!figures) {
      for (const value of this.#values) text(value, 'no connection');
      return;
    }
    overlayLines(figures, this.#viewer.carried, this.#viewer.dropped).forEach(([, words], nth) => text(this.#values[nth], words));
  }
}
