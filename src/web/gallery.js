// The gallery: every stream with its state and viewers, live. A click plays it, another stops.

import './lenscap.js';
import { liveReport } from './debug.js';

const gallery = document.getElementById('gallery');
const summary = document.getElementById('summary');
const cards = new Map();

const LIGHT = { closed: 'off', opening: 'busy', capturing: 'on', closing: 'busy', backoff: 'bad', absent: 'bad', failed: 'bad' };

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function card(id) {
  const screen = element('button', { className: 'screen', type: 'button', ariaLabel: `Play ${id}` });
  const light = element('span', { className: 'light off' });
  const state = element('span', { className: 'state' });
  const trouble = element('p', { className: 'trouble' });
  const full = element('a', { href: `/view/${encodeURIComponent(id)}`, textContent: 'full window' });
  const caption = element('div', { className: 'caption' }, light, element('h2', { textContent: id }), state, full);
  const root = element('article', {}, screen, caption, trouble);
  screen.addEventListener('click', () => {
    const playing = screen.querySelector('lenscap-video');
    screen.ariaLabel = `${playing ? 'Play' : 'Stop'} ${id}`;
    if (playing) {
      playing.remove();
    } else {
      const video = document.createElement('lenscap-video');
      video.setAttribute('stream', id);
      screen.append(video);
    }
  });
  gallery.append(root);
  return { light, state, trouble };
}

function show(report) {
  const cameras = new Map(report.cameras.map((camera) => [camera.id, camera]));
  const open = report.cameras.filter((camera) => camera.state === 'capturing').length;
  const viewers = report.peers.filter(({ state }) => state !== 'away').length;
  summary.textContent = report.streams.length
    ? `${open} of ${report.cameras.length} cameras open, ${viewers} ${viewers === 1 ? 'viewer' : 'viewers'}`
    : 'No camera is configured or found.';
  const isSmall = (stream) => stream.rendition === 'small';
  for (const stream of report.streams.filter((it) => !isSmall(it))) {
    if (!cards.has(stream.id)) cards.set(stream.id, card(stream.id));
    const { light, state, trouble } = cards.get(stream.id);
    const camera = cameras.get(stream.camera);
    light.className = `light ${LIGHT[camera?.state] ?? 'off'}`;
    light.title = `camera ${stream.camera}: ${camera?.state}`;
    const count = stream.viewers;
    // If all who watch are sent the small rendition, that one is what is live.
    const small = report.streams.find((it) => isSmall(it) && it.known_as === stream.id);
    const shown = stream.state === 'idle' && small ? small.state : stream.state;
    state.textContent = `${shown}, ${count} ${count === 1 ? 'viewer' : 'viewers'}`;
    trouble.textContent = stream.last_error ?? '';
  }
}

liveReport(show, (words) => { summary.textContent = words; });
