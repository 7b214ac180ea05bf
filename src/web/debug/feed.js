// Follows /debug/events as long as the page is shown.

import { ServerEvents } from '../server-events.js';

/** The server says something every second at least. */
const SILENCE_MS = 5000;

/** Calls `take(kind, text)` with each event as it was sent, and `lost` with words while there are none. */
export function follow(take, lost) {
  const events = new ServerEvents('/debug/events', { kinds: ['report', 'changes'], silence: SILENCE_MS, take, lost });
  // One that nobody sees costs the server nothing; a page that is shown again is told everything anew.
  const attend = () => (document.hidden ? events.close() : events.open());
  addEventListener('pagehide', () => events.close());
  addEventListener('pageshow', attend);
  document.addEventListener('visibilitychange', attend);
  attend();
}
