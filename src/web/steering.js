// A pad to pan, tilt and zoom, for cameras that have controls for it.

import { el } from './dom.js';
import { iconButton } from './icons.js';

/** Of the whole range, what one press moves. */
const PART = 1 / 24;

/** A button that is held moves on this often, ms. */
const REPEAT_MS = 150;

const PAN = 'pan_absolute';
const TILT = 'tilt_absolute';
const ZOOM = 'zoom_absolute';

/** Where a control is after a press towards `direction` (1 or -1), on its grid and within its range. Pure. */
export function moved({ min, max, step, value }, direction) {
  const grid = step || 1;
  const stride = Math.max(grid, Math.round(((max - min) * PART) / grid) * grid);
  return Math.min(max, Math.max(min, (value ?? min) + direction * stride));
}

const BUTTONS = [
  ['up', 'Tilt up', TILT, 1], ['left', 'Pan left', PAN, -1], ['right', 'Pan right', PAN, 1], ['down', 'Tilt down', TILT, -1],
  ['closer', 'Zoom in', ZOOM, 1], ['farther', 'Zoom out', ZOOM, -1],
];

/** The pad for a camera (CameraControls that have been loaded); null if it cannot be moved. */
export function pad(camera) {
  const has = (id) => camera.all.some((control) => control.id === id && !control.read_only);
  if (![PAN, TILT, ZOOM].some(has)) return null;
  const made = el('div', { class: 'pad', role: 'group', 'aria-label': 'Pan, tilt and zoom' });
  // Where it is on its way to: the camera answers later than the next press comes.
  const aimed = new Map();
  for (const type of ['change', 'refused']) camera.addEventListener(type, () => aimed.clear());
  const move = (id, direction) => {
    const control = camera.usable(id);
    if (!control) return;
    const value = moved({ ...control, value: aimed.get(id) ?? control.value }, direction);
    aimed.set(id, value);
    camera.set({ [id]: value });
  };
  for (const [name, label, id, direction] of BUTTONS) {
    if (!has(id)) continue;
    let timer = null;
    let held = false;
    const button = iconButton(name, label, () => {
      if (!held) move(id, direction);
      held = false;
    });
    button.classList.add(name);
    button.addEventListener('pointerdown', ({ button: pressed }) => {
      clearInterval(timer);
      held = false;
      if (pressed !== 0) return;
      timer = setInterval(() => {
        // The pad may have gone while the button was held.
        if (!made.isConnected) return clearInterval(timer);
        held = true;
        return move(id, direction);
      }, REPEAT_MS);
    });
    // A menu takes the pointer, and what ends it.
    for (const type of ['pointerup', 'pointerleave', 'pointercancel', 'contextmenu']) button.addEventListener(type, () => clearInterval(timer));
    // No click follows.
    for (const type of ['pointerleave', 'pointercancel']) button.addEventListener(type, () => { held = false; });
    made.append(button);
  }
  const home = iconButton('home', 'Back to the middle', () => {
    const all = [PAN, TILT, ZOOM].map((id) => camera.usable(id)).filter(Boolean);
    camera.set(Object.fromEntries(all.map((control) => [control.id, control.default])));
  });
  home.classList.add('home');
  made.append(home);
  return made;
}
