// A signalling connection on a dead link is raced by new ones: TCP that was cut is as good as dead for as long again as the cut
// has lasted, for so far apart it tries.

import { signalling } from './connection.js';
import { refusal } from './refusal.js';

/**
 * An attempt that is not open by then, and so many round trips more, is given up: a new one asks at once, where TCP would wait ever
 * longer. Not sooner, for browsers let those wait who fail often; and after many attempts later, for the path may be slower than it was.
 */
const ATTEMPT_MS = 2000;
const ROUND_TRIPS = 6;
const ATTEMPTS_QUICK = 15;
const ATTEMPT_MAX_MS = 8000;

/** After attempts that fail at once: a server that is being started again is there in a moment, or not for long. */
const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 2000;

/** After so many of them in a row the server may be there, and refuse us: a socket does not tell. */
const ATTEMPTS_REFUSED = 3;

const passed = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Opens sockets, one after another, until one has an answer to whether the server still knows the viewer of this `token`, whose
 * path takes `roundTrip` ms. Gives { socket, known }; { refused } with words if the visitor may not come in any more; null if `wanted`
 * has become false.
 */
export async function rescue({ base, token, roundTrip, wanted }) {
  let pause = PAUSE_FIRST_MS;
  let failed = 0;
  for (let attempt = 0; wanted(); attempt++) {
    const patience = attempt < ATTEMPTS_QUICK ? ATTEMPT_MS + ROUND_TRIPS * roundTrip : ATTEMPT_MAX_MS;
    const socket = signalling(base);
    const answer = await asked(socket, token, Math.min(patience, ATTEMPT_MAX_MS));
    if (answer && wanted()) return { socket, known: answer.type === 'known' };
    socket.close();
    failed = answer === undefined ? failed + 1 : 0;
    if (answer === undefined) {
      const refused = failed % ATTEMPTS_REFUSED === 0 ? await refusal(base) : null;
      if (refused && wanted()) return { refused };
      await passed(pause * (0.5 + 0.5 * Math.random()));
      pause = Math.min(pause * 2, PAUSE_MAX_MS);
    }
  }
  return null;
}

/** The server's answer; null if it does not come in time, undefined if the socket ends before. */
function asked(socket, token, patience) {
  return new Promise((resolve) => {
    let over = setTimeout(() => resolve(null), patience);
    const end = (answer) => {
      clearTimeout(over);
      resolve(answer);
    };
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: 'seek', token }));
      // The server is there.
      clearTimeout(over);
      over = setTimeout(() => resolve(null), ATTEMPT_MAX_MS);
    };
    socket.onclose = () => end(undefined);
    socket.onmessage = ({ data }) => end(JSON.parse(data));
  });
}
