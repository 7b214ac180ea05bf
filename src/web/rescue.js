// A signalling connection on a dead link is raced by new ones: TCP that was cut is as good as dead for as long again as the cut
// has lasted, for so far apart it tries.

import { signalling } from './connection.js';

/** An attempt is given up by then: a new one asks at once, where TCP would wait ever longer. Not sooner, for browsers let those wait who fail often. */
const ATTEMPT_MS = 2000;

/** After attempts that fail at once: a server that is being started again is there in a moment, or not for long. */
const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 2000;

const passed = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Opens sockets, one after another, until one has an answer to whether the server still knows the viewer of this `token`.
 * Gives { socket, known }; null if `wanted` has become false.
 */
export async function rescue({ base, token, wanted }) {
  for (let pause = PAUSE_FIRST_MS; wanted();) {
    const socket = signalling(base);
    const answer = await asked(socket, token);
    if (answer && wanted()) return { socket, known: answer.type === 'known' };
    socket.close();
    if (answer === undefined) {
      await passed(pause * (0.5 + 0.5 * Math.random()));
      pause = Math.min(pause * 2, PAUSE_MAX_MS);
    }
  }
  return null;
}

/** The server's answer; null if it does not come in time, undefined if the socket ends before. */
function asked(socket, token) {
  return new Promise((resolve) => {
    const over = setTimeout(() => resolve(null), ATTEMPT_MS);
    const end = (answer) => {
      clearTimeout(over);
      resolve(answer);
    };
    socket.onopen = () => socket.send(JSON.stringify({ type: 'seek', token }));
    socket.onclose = () => end(undefined);
    socket.onmessage = ({ data }) => end(JSON.parse(data));
  });
}
