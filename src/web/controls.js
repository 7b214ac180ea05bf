// Sliders, switches and choices for the controls of a camera.

import { el } from './dom.js';

/** An element with the controls of a camera (CameraControls that have been loaded); null if it has none. */
export function sliders(camera) {
  if (!camera.all.length) return null;
  const trouble = el('p', { class: 'trouble', role: 'status' });
  const details = el('details', { class: 'controls' }, el('summary', {}, 'Adjust'));
  const inputs = new Map();
  for (const control of camera.all) {
    const input = document.createElement(control.type === 'menu' ? 'select' : 'input');
    if (control.type === 'menu') {
      input.append(...control.menu.map(({ value, label }) => new Option(label, value)));
    } else if (control.type === 'boolean') {
      input.type = 'checkbox';
    } else {
      Object.assign(input, { type: 'range', min: control.min, max: control.max, step: control.step || 1 });
    }
    input.addEventListener('input', () => {
      const value = control.type === 'boolean' ? input.checked : Number(input.value);
      input.nextElementSibling.textContent = control.type === 'integer' ? value : '';
      camera.set({ [control.id]: value });
    });
    inputs.set(control.id, input);
    details.append(el('label', {}, el('span', {}, control.name), input, document.createElement('output')));
  }
  details.append(trouble);
  /** Whoever moves one has it follow the hand, and not the camera; `all`: what was moved is as it was. */
  const show = (controls, all = false) => {
    for (const control of controls) {
      const input = inputs.get(control.id);
      if (!input) continue;
      input.disabled = control.read_only || !control.active;
      if (control.type === 'boolean') input.checked = control.value === 1;
      else if (all || document.activeElement !== input) input.value = control.value;
      input.nextElementSibling.textContent = control.type === 'integer' ? control.value : '';
    }
  };
  show(camera.all);
  camera.addEventListener('change', ({ detail }) => show(detail));
  camera.addEventListener('refused', () => show(camera.all, true));
  camera.addEventListener('trouble', ({ detail }) => { trouble.textContent = detail; });
  return details;
}
