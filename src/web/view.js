// A full-window viewer of the stream that the address names.

import './lenscap.js';

const stream = decodeURIComponent(location.pathname.split('/').pop());
document.title = `${stream} – lenscap`;
const viewer = document.createElement('lenscap-video');
viewer.setAttribute('stream', stream);
document.body.append(viewer);
