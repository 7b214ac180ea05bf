// The gallery: every stream with its state and viewers, live. A click plays it, another stops.

import './lenscap.js';
import { followStreams } from './streams.js';

const gallery = document.getElementById('gallery');
const summary = document.getElementById('summary');
const cards = new Map();
const link = new URLSearchParams(location.search).get('link');

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
  const full = element('a', { href: `/view/${encodeURIComponent(id)}${location.search}`, textContent: 'full window' });
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
      if (link) video.setAttribute('link', link);
      screen.append(video);
    }
  });
  gallery.append(root);
  return { root, light, state, trouble };
}

function show(streams, you) {
  const all = [...streams.values()];
  const cameras = new Map(all.map(({ camera, camera_state: state }) => [camera, state]));
  const open = [...cameras.values()].filter((state) => state === 'capturing').length;
  const viewers = all.reduce((sum, stream) => sum + stream.viewers, 0);
  summary.textContent = all.length
    ? `${open} of ${cameras.size} cameras open, ${viewers} ${viewers === 1 ? 'viewer' : 'viewers'}`
    : 'No camera is configured or found.';
  document.getElementById('open-to-all').hidden = !you.open;
  document.getElementById('debug').hidden = !you.admin;
  const logout = document.getElementById('logout');
  logout.hidden = !you.name;
  if (you.name) logout.querySelector('button').textContent = `Log ${you.name} out`;
  for (const stream of all) {
    if (!cards.has(stream.id)) cards.set(stream.id, card(stream.id));
    const { light, state, trouble } = cards.get(stream.id);
    light.className = `light ${LIGHT[stream.camera_state] ?? 'off'}`;
    light.title = `camera ${stream.camera}: ${stream.camera_state}`;
    state.textContent = `${stream.state}, ${stream.viewers} ${stream.viewers === 1 ? 'viewer' : 'viewers'}`;
    trouble.textContent = stream.last_error ?? '';
  }
  for (const [id, { root }] of cards) {
    if (streams.has(id)) continue;
    root.remove();
    cards.delete(id);
  }
}

followStreams(show, (words) => { summary.textContent = words; });
