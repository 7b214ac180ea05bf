// Keys that do something by themselves, and the dialog that says which.

import { el } from './dom.js';

const STORED = 'lenscap-shortcuts';

/** Where keys are typed, and mean themselves. */
const TYPED_INTO = 'input, textarea, select, [contenteditable]';

/** Which action a key press asks for, of those that are bound; null if it is not for us. Pure. */
export function actionOf({ key, ctrlKey, altKey, metaKey, typing }, bound) {
  if (ctrlKey || altKey || metaKey) return null;
  if (typing && key !== 'Escape') return null;
  if (/^[1-9]$/.test(key) && Object.hasOwn(bound, 'digit')) return 'digit';
  const name = key.length === 1 ? key.toLowerCase() : key;
  return Object.hasOwn(bound, name) ? name : null;
}

export class Shortcuts {
  #bound;
  #dialog;
  #enabled = true;

  /** `bound`: an action by key, or by `digit`; each is given the event, and gives false if it had nothing to do. `said`: [keys, words] for people. */
  constructor(bound, said) {
    this.#bound = { ...bound, '?': () => this.help() };
    try {
      this.#enabled = localStorage.getItem(STORED) !== 'off';
    } catch {
      // Storage may be forbidden: then they are on.
    }
    this.#tellPage();
    this.#dialog = this.#makeDialog([...said, ['?', 'this help']]);
    document.body.append(this.#dialog);
    addEventListener('keydown', (event) => this.#pressed(event));
  }

  /** Where they are off, `?` is, too: then there has to be a button. */
  #tellPage() {
    document.body.dataset.keys = this.#enabled ? 'on' : 'off';
  }

  help() {
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #pressed(event) {
    if (this.#dialog.open || event.defaultPrevented) return;
    const { key, ctrlKey, altKey, metaKey, target } = event;
    const typing = target instanceof Element && target.closest(TYPED_INTO) !== null;
    const action = actionOf({ key, ctrlKey, altKey, metaKey, typing }, this.#bound);
    // Those of one character can be switched off, for who speaks to the browser (WCAG 2.1.4).
    if (!action || (!this.#enabled && key.length === 1)) return;
    // A key that is held saves one picture; by arrows one goes on.
    const held = event.repeat && key.length === 1;
    if (held || this.#bound[action](event) !== false) event.preventDefault();
  }

  #makeDialog(said) {
    const keys = el('dl');
    for (const [key, words] of said) {
      const names = key.split(' ').map((name) => el('kbd', {}, name));
      keys.append(el('div', {}, el('dt', {}, ...names), el('dd', {}, words)));
    }
    const enabled = el('input', { type: 'checkbox', checked: this.#enabled });
    enabled.addEventListener('change', () => {
      this.#enabled = enabled.checked;
      this.#tellPage();
      try {
        localStorage.setItem(STORED, this.#enabled ? 'on' : 'off');
      } catch {
        // Then it holds for this page.
      }
    });
    const close = el('button', { type: 'submit', autofocus: true }, 'Close');
    const form = el(
      'form', { method: 'dialog' }, el('h2', { id: 'keys' }, 'Keys'), keys,
      el('label', {}, enabled, ' Keys of a single character do something'), close,
    );
    return el('dialog', { class: 'help', 'aria-labelledby': 'keys' }, form);
  }
}
