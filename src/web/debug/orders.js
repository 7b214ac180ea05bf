// Orders to actors, given only after it was said what they will do.

import { el } from '../dom.js';
import { consequences } from './consequences.js';
import { nameOf } from './report.js';

/** Asks, and gives the order: `restart` or `kill`. Resolves to words about what became of it, or null if it was called off. */
export function order(report, path, what) {
  const { promise, resolve } = Promise.withResolvers();
  const verb = what === 'kill' ? 'Kill' : 'Restart';
  const title = el('h2', { id: 'order-title' }, `${verb} ${nameOf(path)}?`);
  const go = el('button', { type: 'submit', value: 'go', class: what === 'kill' ? 'danger' : 'main' }, verb);
  const leave = el('button', { type: 'submit', value: '' }, 'Leave it');
  const dialog = el('dialog', { class: 'order', 'aria-labelledby': 'order-title' },
    el('form', { method: 'dialog' }, title,
      el('ul', {}, ...consequences(report, path, what).map((sentence) => el('li', {}, sentence))),
      el('p', { class: 'buttons' }, leave, go)));
  dialog.addEventListener('close', async () => {
    const given = dialog.returnValue === 'go';
    dialog.remove();
    resolve(given ? await give(path, what) : null);
  });
  document.body.append(dialog);
  dialog.showModal();
  leave.focus();
  return promise;
}

async function give(path, what) {
  try {
    const response = await fetch(`/debug/actors/${path.split('/').map(encodeURIComponent).join('/')}/${what}`, { method: 'POST' });
    if (response.ok) return what === 'kill' ? `${path} was killed.` : `${path} is started again.`;
    const { message } = await response.json();
    return `Not done: ${message}`;
  } catch {
    return 'Not done: the server does not answer.';
  }
}
