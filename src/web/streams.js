// What this visitor may know of the streams, live.

import { refusal } from './refusal.js';

/** Calls `show` with all streams (a Map by id) and what the visitor may do, at each change; and `lost` with words when nothing comes. */
export function followStreams(show, lost) {
  const streams = new Map();
  let events = null;
  let you = {};
  const open = () => {
    events ??= new EventSource('/streams/events');
    events.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.you) {
        // All of them: the server may be another than before.
        streams.clear();
        you = message.you;
      }
      for (const stream of message.streams) streams.set(stream.id, stream);
      show(streams, you);
    };
    events.onerror = async () => {
      lost('The server does not answer. Trying again …');
      // It does not try again if it was refused.
      const words = events?.readyState === EventSource.CLOSED && await refusal(location.origin);
      if (words) lost(words);
    };
  };
  const close = () => {
    events?.close();
    events = null;
  };
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
}
