// Every page can be reached, and every link leads somewhere.

import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import test from 'node:test';
import { ROOT, anchors, files, prose, read } from './support.mjs';

const SUMMARY = 'docs/SUMMARY.md';

/** The links of a page, without those to other hosts: { target, anchor }. */
function links(path) {
  const text = prose(read(path)).replace(/`[^`]*`/g, '');
  const found = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/^\[[^\]]+\]: (\S+)$/gm)].map(([, link]) => link);
  return found.filter((link) => !/^[a-z]+:/.test(link)).map((link) => {
    const [file, anchor] = link.split('#');
    return { link, target: file ? normalize(join(dirname(path), decodeURIComponent(file))) : path, anchor };
  });
}

/** Where a link does not lead anywhere, in words; empty if it does. */
function broken(path) {
  return links(path).flatMap(({ link, target, anchor }) => {
    if (!existsSync(join(ROOT, target))) return [`${path}: ${link} leads to ${target}, which does not exist`];
    if (!anchor || !target.endsWith('.md') || statSync(join(ROOT, target)).isDirectory()) return [];
    return anchors(read(target)).has(anchor) ? [] : [`${path}: ${link}: ${target} has no heading for #${anchor}`];
  });
}

test('every link in a document leads to a file and a heading that exist', () => {
  const wrong = files('.', '.md').flatMap(broken);
  assert.deepEqual(wrong, [], wrong.join('\n'));
});

/** Paths that documents speak of without a link, from the root of the repository. */
const SPOKEN_OF = /`((?:src|actors|tests|benches|fuzz|packaging|docs)\/[\w./-]+)(?:::[^`]*)?`/g;

test('every file that a document speaks of exists', () => {
  const exists = (path) => existsSync(join(ROOT, path)) || /NAME/.test(path);
  const wrong = files('.', '.md').filter((path) => path !== 'CHANGELOG.md').flatMap((path) => (
    [...prose(read(path)).matchAll(SPOKEN_OF)].filter(([, file]) => !exists(file)).map(([, file]) => `${path}: there is no ${file}`)
  ));
  assert.deepEqual(wrong, [], wrong.join('\n'));
});

test('every function that the map of the house names exists', () => {
  const map = read('docs/design/README.md');
  const code = [...files('actors/src', '.rs'), ...files('src', '.rs')].map(read).join('\n');
  const named = new Set([...map.matchAll(/`[A-Z]\w*::([a-z]\w*)`/g)].map(([, name]) => name));
  assert.ok(named.size > 8, `${named.size} functions are named`);
  const missing = [...named].filter((name) => !new RegExp(`\\bfn ${name}\\b`).test(code));
  assert.deepEqual(missing, [], `there is no function ${missing.join(', ')}`);
});

test('every page is in the summary, and once', () => {
  const listed = links(SUMMARY).map(({ target }) => target);
  const pages = files('docs', '.md').filter((path) => path !== SUMMARY);
  const missing = pages.filter((path) => !listed.includes(path)).map((path) => {
    const [, title] = /^# +(.+)$/m.exec(read(path)) ?? [null, path];
    return `${SUMMARY} lacks this line: - [${title}](${path.replace('docs/', '')})`;
  });
  assert.deepEqual(missing, [], missing.join('\n'));
  const twice = listed.filter((path, nth) => listed.indexOf(path) !== nth);
  assert.deepEqual(twice, [], `${SUMMARY} lists twice: ${twice.join(', ')}`);
});
