// States in words and lights. Pure.

const MINUTE_MS = 60_000;

/** What a camera's light shows: `on` (the camera is open), `off`, `busy` (about to change) or `bad`. */
const LIGHTS = {
  closed: 'off', opening: 'busy', capturing: 'on', closing: 'busy', backoff: 'bad', absent: 'bad', failed: 'bad',
};

const CAMERA_WORDS = {
  closed: 'Closed', opening: 'Is being opened', capturing: 'Open', closing: 'Is being closed',
  backoff: 'Failed, is tried again', absent: 'Not plugged in', failed: 'Given up',
};

/** What a state of the stream (of <lenscap-video>) says of its camera, for who knows no more. */
const BY_STREAM = {
  idle: 'closed', starting: 'opening', live: 'capturing', paused: 'closed', stopping: 'closing', backoff: 'backoff', failed: 'failed',
};

export function lightOf(camera) {
  return LIGHTS[camera] ?? 'off';
}

export function cameraWords(camera) {
  return CAMERA_WORDS[camera] ?? 'Not known';
}

/** The state of the camera by that of a stream that is being watched. */
export function cameraOf(stream) {
  return BY_STREAM[stream] ?? null;
}

/** The state of a stream as its card says it. */
export function stateWords({ camera_state: camera, state, viewers }) {
  if (camera === 'capturing' && viewers === 0) return 'Open for another stream';
  if (camera === 'capturing' && state === 'starting') return 'Open, the picture comes';
  if (camera === 'closed' && state === 'paused') return 'Closed until a viewer is heard again';
  if (camera === 'closed' && (state === 'backoff' || state === 'failed')) return 'Its encoder failed';
  return cameraWords(camera);
}

/** What is done about it, and by whom; none if nothing is to be done. */
export function nextStep({ camera_state: camera, state }, { admin }) {
  // Others are told so by the server.
  if (camera === 'absent') return admin ? 'It comes back by itself when it is plugged in.' : '';
  if (camera === 'backoff' || state === 'backoff') return 'It is tried again by itself.';
  if (camera === 'failed' || state === 'failed') {
    return admin
      ? 'It is tried again when somebody watches; start it again at /debug.'
      : 'It is tried again when somebody watches. If that does not help, tell whoever runs this server.';
  }
  return '';
}

export function viewersWords(count) {
  return count === 0 ? 'nobody watches' : `${count} ${count === 1 ? 'viewer' : 'viewers'}`;
}

/** How old something is, to the precision in which people say it. */
export function ageWords(ms) {
  const minutes = ms / MINUTE_MS;
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return `${Math.floor(minutes / 60 / 24)} days ago`;
}

/** `H264` as people write it. */
export function codecWords(codec) {
  return { H264: 'H.264', H265: 'H.265' }[codec] ?? codec;
}
