// A full-window viewer of the stream that the address names.

import './lenscap.js';
import { showControls } from './controls.js';

const stream = decodeURIComponent(location.pathname.split('/').pop());
document.title = `${stream} – lenscap`;
const viewer = document.createElement('lenscap-video');
viewer.setAttribute('stream', stream);
document.body.append(viewer);

// Of the camera behind the stream; once the picture plays, so that nothing delays it.
viewer.addEventListener('state', async function playing({ detail }) {
  if (detail !== 'live') return;
  viewer.removeEventListener('state', playing);
  const report = await (await fetch('/debug', { headers: { Accept: 'application/json' } })).json();
  const camera = report.streams.find(({ id }) => id === stream)?.camera;
  if (camera) await showControls(camera, document.body);
});
