// What the guide quotes is what the program says.

import assert from 'node:assert/strict';
import test from 'node:test';
import { files, prose, read } from './support.mjs';

/** Pages that say what a message means. */
const PAGES = ['docs/guide/when-something-is-wrong.md', 'docs/guide/behind-a-proxy.md', 'docs/guide/docker-and-nat.md'];

/** All that the program can say, without what differs from one time to another. */
function said() {
  const code = [...files('src', '.rs'), ...files('actors/src', '.rs'), ...files('src/web', '.js')].map(read).join('\n');
  return code.replace(/\\\n\s*/g, '').replaceAll('\\"', '"').replaceAll('`', '').replaceAll('’', "'");
}

/** The parts of a quoted message that are the same every time. */
const fixed = (quote) => quote.split(/…|[():"]|\b\d+\b|\bNAME\b|\bN\b|[{}]/).map((part) => part.trim())
  .filter((part) => part.split(' ').length > 2);

test('messages that the guide quotes are messages of the program', () => {
  const known = said();
  const quotes = PAGES.flatMap((page) => [...prose(read(page)).matchAll(/^\| `([^`|]*)`/gm)].map(([, quote]) => ({ page, quote })));
  assert.ok(quotes.length > 30, `${quotes.length} messages were found`);
  const wrong = quotes.flatMap(({ page, quote }) => fixed(quote).filter((part) => !known.includes(part)).map((part) => `${page}: nobody says "${part}"`));
  assert.deepEqual(wrong, [], wrong.join('\n'));
});
