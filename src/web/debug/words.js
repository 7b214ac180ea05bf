// Numbers and states in words.

/** What a state is like: its mark, which has a shape and a color of its own, and what it means. */
const STATES = {
  actor: {
    running: ['well', 'as it should be'],
    starting: ['busy', 'it is being started'],
    stopping: ['ending', 'it is being stopped'],
    backoff: ['waiting', 'it has failed and is started again in a moment'],
    failed: ['bad', 'it was restarted too often, and stays down until somebody asks for it'],
    down: ['off', 'it is down'],
  },
  camera: {
    closed: ['off', 'nothing is open, its light is off'],
    opening: ['busy', 'its device is being opened'],
    capturing: ['lit', 'pictures come, its light is on'],
    closing: ['ending', 'its device is being closed'],
    backoff: ['waiting', 'it failed, and is tried again after a delay'],
    absent: ['waiting', 'it is not plugged in; it is tried again'],
    failed: ['bad', 'it failed too often; it is tried again when somebody asks for it'],
  },
  stream: {
    idle: ['off', 'nobody watches'],
    starting: ['busy', 'somebody watches; no frame has come yet'],
    live: ['well', 'frames flow'],
    stopping: ['ending', 'the last viewer has left, and the camera is let go'],
    paused: ['waiting', 'all who watch are suspect: nothing runs until one of them is heard'],
    backoff: ['waiting', 'it failed, and is tried again after a delay'],
    failed: ['bad', 'its camera or its encoder failed too often'],
  },
  peer: {
    negotiating: ['busy', 'offer and answer are exchanged'],
    connecting: ['busy', 'its connection is being made'],
    watching: ['well', 'connected: frames may flow'],
    suspect: ['waiting', 'silent for longer than its path allows: it holds no camera open'],
    away: ['ending', 'silent for so long that it counts as no viewer; its connection is kept'],
    gone: ['off', 'it has left'],
  },
};

/** The marks in words, for the legend: their order is how bad they are. */
export const MARKS = {
  bad: 'failed, and left alone until somebody asks',
  waiting: 'in doubt: fails and is tried again, or is suspect',
  ending: 'on its way out',
  busy: 'on its way in',
  lit: 'a camera that is open: its light is on',
  well: 'runs',
  off: 'down, closed or idle, as it should be',
};

/** How bad a mark is: 0 is the worst. */
export const badness = (mark) => Object.keys(MARKS).indexOf(mark);

export const markOf = (kind, state) => STATES[kind]?.[state]?.[0] ?? 'off';
export const meaning = (kind, state) => STATES[kind]?.[state]?.[1] ?? state;

/** By which sign a leaving was recognized. */
export const CAUSES = {
  bye: 'the page said goodbye on its WebSocket',
  beacon: 'the page reported it by its beacon, as a page does that is closed',
  ws_closed: 'its WebSocket ended',
  close_notify: 'it ended its encryption',
  whep_delete: 'the player asked for it (WHEP)',
  revoked: 'it may not watch any more',
  suspected: 'silence: its camera was let go, its connection was kept',
  away: 'long silence: it counts as no viewer, its connection was kept',
  silence: 'it was away for as long as is allowed',
  port_unreachable: 'its port was closed, and no probe was answered',
  displaced: 'it was suspect, and another wanted its place',
  ice_disconnected: 'ICE heard nothing for the configured time',
  ice_failed: 'ICE gave up, or never connected',
  crashed: 'its actor died',
  shutdown: 'the server went down',
};

export const STRATEGIES = {
  one_for_one: 'one for one: whoever fails is started again alone',
  one_for_all: 'one for all: if one fails, all are started again',
  rest_for_one: 'rest for one: whoever fails is started again with all that were started after it',
  simple_one_for_one: 'simple one for one: many of a kind, each started again alone',
};

export const RESTARTS = {
  permanent: 'always started again',
  transient: 'started again if it fails; if it gives up it is left alone',
  temporary: 'lives once, and is never started again',
};

const two = (number) => String(number).padStart(2, '0');

/** A time of day. */
export function clock(unixMs, fine = false) {
  const date = new Date(unixMs);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return fine ? `${time}.${String(date.getMilliseconds()).padStart(3, '0')}` : time;
}

/** A time in at most two units. */
export function lasts(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 10) return `${(ms / 1000).toFixed(1)} s`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min${seconds % 60 ? ` ${two(seconds % 60)} s` : ''}`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor(seconds / 3600) % 24} h`;
}

/** An age, roughly, in one unit. */
export function age(ms) {
  if (ms === null || ms === undefined) return '–';
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

export function bits(bps) {
  if (bps === null || bps === undefined) return '–';
  if (bps >= 1e6) return `${(bps / 1e6).toFixed(bps < 1e7 ? 1 : 0)} Mbit/s`;
  return `${Math.round(bps / 1000)} kbit/s`;
}

/** A count in few characters. */
export function few(number) {
  if (number < 1000) return String(Math.round(number));
  if (number < 1e6) return `${(number / 1e3).toFixed(number < 1e4 ? 1 : 0)} k`;
  return `${(number / 1e6).toFixed(1)} M`;
}

/** A rate a second. */
export const perSecond = (rate) => (rate === null ? '' : rate > 0 && rate < 9.95 ? rate.toFixed(1) : few(rate));

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** `a, b and c`. */
export function list(words) {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
