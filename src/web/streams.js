// What this visitor may know of the streams, live.

import { ServerEvents } from './server-events.js';

/** The server says something every 5 s at least. */
const SILENCE_MS = 12_000;

/**
 * Calls `show` with all streams (a Map by id), what the visitor may do, and by how much the server's clock is ahead (ms), at each
 * change; and `lost` with words when nothing comes.
 */
export function followStreams(show, lost) {
  const streams = new Map();
  let you = {};
  let ahead = 0;
  const take = (_, text) => {
    const message = JSON.parse(text);
    if (message.you) {
      // All of them: the server may be another than before.
      streams.clear();
      you = message.you;
      ahead = message.now - Date.now();
    }
    for (const stream of message.streams) streams.set(stream.id, stream);
    show(streams, you, ahead);
  };
  const events = new ServerEvents(`/streams/events${location.search}`, { kinds: ['message'], silence: SILENCE_MS, take, lost });
  addEventListener('pagehide', () => events.close());
  addEventListener('pageshow', () => events.open());
  events.open();
}
