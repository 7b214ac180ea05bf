// Icons, and buttons that show one.

import { el, svg } from './dom.js';

/** Drawn in a square of 24 by lines, none of which fills anything. */
const ICONS = {
  close: 'M5 5 19 19M19 5 5 19',
  previous: 'M15 4 7 12l8 8',
  next: 'M9 4l8 8-8 8',
  statistics: 'M4 20V12M10 20V5M16 20v-10M21 20H2',
  save: 'M12 3v12M7 11l5 5 5-5M4 20h16',
  copy: 'M8 8h12v12H8zM16 8V4H4v12h4',
  picture: 'M3 5h18v14H3zM12 12h7v5h-7z',
  full: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  keys: 'M3 7h18v10H3zM7 11h.01M11 11h.01M15 11h.01M18 11h.01M8 14h8',
  window: 'M10 5H4v15h15v-6M14 4h6v6M20 4l-9 9',
  up: 'M5 15l7-7 7 7',
  down: 'M5 9l7 7 7-7',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  home: 'M12 6a6 6 0 1 0 .01 0M12 2v5M12 17v5M2 12h5M17 12h5',
  closer: 'M12 5v14M5 12h14',
  farther: 'M5 12h14',
};

export function icon(name) {
  return svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: ICONS[name] }));
}

/** A button that shows an icon; its name is said and shown as a hint. */
export function iconButton(name, label, press) {
  return el('button', { type: 'button', class: 'icon', 'aria-label': label, title: label, onclick: press }, icon(name));
}
