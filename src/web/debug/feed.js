// Follows /debug/events as long as the page is shown.

const KINDS = ['report', 'changes'];

/** Calls `take(kind, text)` with each event as it was sent, and `lost()` while there are none. */
export function follow(take, lost) {
  let events = null;
  const open = () => {
    if (events) return;
    events = new EventSource('/debug/events');
    for (const kind of KINDS) events.addEventListener(kind, ({ data }) => take(kind, data));
    events.addEventListener('error', lost);
  };
  const close = () => {
    events?.close();
    events = null;
  };
  // One that nobody sees costs the server nothing; a page that is shown again is told everything anew.
  const attend = () => (document.hidden ? close() : open());
  addEventListener('pagehide', close);
  addEventListener('pageshow', attend);
  document.addEventListener('visibilitychange', attend);
  attend();
}
