// A full-window viewer of the stream that the address names.

import { el } from './dom.js';
import { iconButton } from './icons.js';
import { pictureAddress } from './last-picture.js';
import { Player } from './player.js';
import { Shortcuts } from './shortcuts.js';

const stream = decodeURIComponent(location.pathname.split('/').pop());
const link = new URLSearchParams(location.search).get('link');
const search = link ? `?${new URLSearchParams({ link })}` : '';
const { picture, waits } = document.body.dataset;
const poster = picture ? pictureAddress(stream, picture, link) : null;
const main = document.getElementById('main');
document.title = `${stream} – lenscap`;

const help = iconButton('keys', 'Keys', () => keys.help());
help.classList.add('keys');
const player = new Player({ stream, link, search, poster, heading: 'h1', extra: [help] });

// Another site has sent the browser here: it shall not turn a camera on.
if (waits === undefined) {
  main.append(player.root);
} else {
  const play = el('button', { type: 'button', class: 'watch', 'aria-label': `Watch ${stream}` });
  const screen = el('div', { class: 'screen' }, ...(poster ? [el('img', { alt: '', src: poster })] : []), el('h1', {}, stream), play);
  play.addEventListener('click', () => {
    screen.replaceWith(player.root);
    player.root.focus();
  });
  main.append(screen);
}

// Of the camera behind the stream; once the picture plays, so that nothing delays it.
player.viewer.addEventListener('picture', async () => {
  const response = await fetch(`/streams${search}`).catch(() => null);
  if (!response?.ok) return;
  const { streams, you } = await response.json();
  player.camera = you.control ? streams.find(({ id }) => id === stream)?.camera ?? null : null;
}, { once: true });

const act = (what) => () => (player.root.isConnected ? what() : false);
const keys = new Shortcuts({
  f: act(() => player.fullScreen()),
  p: act(() => player.pictureInPicture()),
  s: act(() => player.toggleStatistics()),
  d: act(() => player.save()),
  c: act(() => player.copy()),
}, [
  ['f', 'full screen'],
  ['p', 'picture in picture'],
  ['s', 'statistics'],
  ['d', 'save the picture as a file'],
  ['c', 'copy the picture'],
]);
