// A promise without a test is a wish: each that SPECIFICATION.md makes names tests that exist, or says that it is pending.

import assert from 'node:assert/strict';
import test from 'node:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, read } from './support.mjs';

/** The rows of its tables: { number, promise, held }. */
function promises() {
  return [...read('SPECIFICATION.md').matchAll(/^\| (\d+\.\d+) \| (.+) \| (.+) \|$/gm)].map(([, number, promise, held]) => ({ number, promise, held }));
}

/** The names of a file's tests. What a title is put together of is `…` in it. */
function tests(path) {
  const text = read(path);
  if (path.endsWith('.rs')) {
    return [...text.matchAll(/#\[(?:\w+::)?test\b[^\]]*\]\s+(?:#\[[^\]]*\]\s+)*(?:async )?fn (\w+)/g)].map(([, name]) => name);
  }
  return [...text.matchAll(/\btest\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g)].map(([, , title]) => title.replace(/\\(.)/g, '$1').replace(/\$\{[^}]*\}/g, '…'));
}

test('every promise names tests that exist, or says that it is pending', () => {
  const all = promises();
  assert.ok(all.length > 20, `${all.length} promises were found`);
  const wrong = all.flatMap(({ number, held }) => {
    const named = [...held.matchAll(/`([^`]+?)::([^`]+)`/g)];
    if (named.length === 0 && !held.includes('pending')) return [`${number} is held by nothing: name a test, or say "pending"`];
    return named.flatMap(([, path, name]) => {
      if (!existsSync(join(ROOT, path))) return [`${number}: there is no ${path}`];
      return tests(path).includes(name) ? [] : [`${number}: ${path} has no test "${name}"`];
    });
  });
  assert.deepEqual(wrong, [], wrong.join('\n'));
});

test('promises are numbered in order, each once', () => {
  const numbers = promises().map(({ number }) => number.split('.').map(Number));
  for (const [nth, [section, item]] of numbers.entries()) {
    const [before, last] = numbers[nth - 1] ?? [0, 0];
    const follows = section === before ? item === last + 1 : section === before + 1 && item === 1;
    assert.ok(follows, `${section}.${item} does not follow ${before}.${last}`);
  }
});
