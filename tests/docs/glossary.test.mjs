// One word for one thing: the glossary names types that exist, once, and words that were given up do not come back.

import assert from 'node:assert/strict';
import test from 'node:test';
import { files, read } from './support.mjs';

/** What is gone, and what is said instead. */
const GIVEN_UP = [
  [/\bestates?\b/i, 'Cleanup'],
  [/\bbur(y|ies|ied|ial)\b/i, 'the exit is seen to'],
  [/\b(the|its|their|whose) remains\b/i, 'what it left behind'],
  [/\bcradles?\b/i, 'child'],
  [/\bnurser(y|ies)\b/i, 'supervisor'],
  [/\bstillborn\b/i, 'it was never opened'],
  [/\bcondemn/i, 'taken along by a sibling'],
  [/\bvigil/i, 'monitor'],
  [/\btall(y|ies)\b/i, 'counters'],
  [/\battendance\b/i, 'the state of a subscriber'],
  [/\boutlets?\b/i, 'sink'],
  [/\bling(er|ers|ering|ered)\b/i, 'is kept open'],
  [/\bgreet(s|ed|ing)?\b/i, 'sends the first picture'],
  [/\b(struct|enum|trait|type) (Talk|Over|Order|Settle|Handle)\b/, 'a word of its own'],
];

const code = () => [...files('actors/src', '.rs'), ...files('src', '.rs')];

test('words that were given up do not come back', () => {
  const pages = [...code(), ...files('src/web', '.js'), ...files('docs', '.md')];
  assert.ok(pages.length > 200, `${pages.length} files`);
  const found = pages.flatMap((path) => read(path).split('\n').flatMap((line, nth) => (
    GIVEN_UP.filter(([word]) => word.test(line)).map(([word, instead]) => `${path}:${nth + 1}: ${word} (${instead}): ${line.trim()}`)
  )).filter((line) => !line.includes('pub struct Order {') || !line.startsWith('src/tls/acme.rs')));
  assert.deepEqual(found, [], found.join('\n'));
});

test('every word of the glossary has one meaning and one definition', () => {
  const rows = [...read('docs/design/glossary.md').matchAll(/^\| ([^|`]+) \| (.+) \| `(\w+)` in `([^`]+)` \|$/gm)];
  assert.ok(rows.length > 40, `${rows.length} words`);
  const words = rows.map(([, word]) => word);
  assert.deepEqual(words.filter((word, nth) => words.indexOf(word) !== nth), [], 'a word stands there twice');
  const wrong = rows.flatMap(([, word, , name, path]) => {
    const defined = new RegExp(`^ *(?:pub(?:\\([^)]*\\))? )?(?:struct|enum|trait|type|fn|const) ${name}\\b`, 'm');
    const crate = path.startsWith('actors/') ? 'actors/src' : 'src';
    const isType = /^[A-Z][a-z]/.test(name);
    const where = files(crate, '.rs').filter((file) => file === path || (isType && !file.startsWith('src/config/file'))).filter((file) => defined.test(read(file)));
    return where.length === 1 && where[0] === path ? [] : [`${word}: ${name} is defined in ${where.join(', ') || 'no file'}`];
  });
  assert.deepEqual(wrong, [], wrong.join('\n'));
});
