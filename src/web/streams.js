// What this visitor may know of the streams, live.

import { refusal } from './refusal.js';

/** Whoever was refused asks again after so long: the server may have been started anew, or the visitor have logged in. */
const AGAIN_MS = 5000;

/**
 * Calls `show` with all streams (a Map by id), what the visitor may do, and by how much the server's clock is ahead (ms), at each
 * change; and `lost` with words when nothing comes.
 */
export function followStreams(show, lost) {
  const streams = new Map();
  let events = null;
  let again = null;
  let you = {};
  let ahead = 0;
  const close = () => {
    clearTimeout(again);
    events?.close();
    events = null;
  };
  const open = () => {
    if (events) return;
    const source = new EventSource(`/streams/events${location.search}`);
    events = source;
    source.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.you) {
        // All of them: the server may be another than before.
        streams.clear();
        you = message.you;
        ahead = message.now - Date.now();
      }
      for (const stream of message.streams) streams.set(stream.id, stream);
      show(streams, you, ahead);
    };
    source.onerror = async () => {
      lost('The server does not answer. Trying again …');
      // A browser does not try again if it was refused.
      if (source.readyState !== EventSource.CLOSED) return;
      close();
      again = setTimeout(open, AGAIN_MS);
      const words = await refusal(location.href);
      if (words && !events) lost(words);
    };
  };
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
}
