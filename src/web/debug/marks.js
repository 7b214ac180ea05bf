// The mark of a state: a shape and a color, and its words for who cannot see it.

import { attribute, el, text } from '../dom.js';
import { markOf, meaning } from './words.js';

/** A mark that can be set to a state: { element, set(kind, state) }. With `silent` the words stand beside it anyway. */
export function mark({ silent = false } = {}) {
  const words = el('span', { class: 'sr' });
  const element = el('span', { class: 'mark' }, ...(silent ? [] : [words]));
  if (silent) element.setAttribute('aria-hidden', 'true');
  let [shown, of] = [null, null];
  return {
    element,
    set(kind, state, name = '') {
      if (state === shown && name === of) return;
      [shown, of] = [state, name];
      attribute(element, 'data-mark', markOf(kind, state));
      attribute(element, 'title', `${name}${name && ': '}${state} – ${meaning(kind, state)}`);
      if (!silent) text(words, state);
    },
  };
}

/** Who has ended lately, fading: `age` in ms of the minute that it is remembered. */
export const FADES_MS = 60_000;
