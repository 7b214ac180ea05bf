// A full-window viewer of the stream that the address names.

import './lenscap.js';
import { showControls } from './controls.js';

const stream = decodeURIComponent(location.pathname.split('/').pop());
document.title = `${stream} – lenscap`;
const viewer = document.createElement('lenscap-video');
viewer.setAttribute('stream', stream);
const link = new URLSearchParams(location.search).get('link');
if (link) viewer.setAttribute('link', link);
// Another site has sent the browser here: it shall not turn a camera on.
if ('waits' in document.body.dataset) {
  const play = Object.assign(document.createElement('button'), { type: 'button', className: 'screen', ariaLabel: `Play ${stream}` });
  play.addEventListener('click', () => play.replaceWith(viewer));
  document.body.append(play);
} else {
  document.body.append(viewer);
}

// Of the camera behind the stream; once the picture plays, so that nothing delays it.
viewer.addEventListener('state', async function playing({ detail }) {
  if (detail !== 'live') return;
  viewer.removeEventListener('state', playing);
  const response = await fetch(`/streams${location.search}`);
  if (!response.ok) return;
  const { streams, you } = await response.json();
  const camera = streams.find(({ id }) => id === stream)?.camera;
  if (camera && you.control) await showControls(camera, document.body);
});
