// What the tests of the documents share: which documents there are, and what is in them.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Folders in which nothing of ours is. */
const FOREIGN = new Set(['target', 'node_modules', '.git']);

/** All files beneath a folder with this ending, as paths from the root of the repository. */
export function files(folder, ending) {
  return readdirSync(join(ROOT, folder)).filter((name) => !FOREIGN.has(name)).sort().flatMap((name) => {
    const path = join(folder, name);
    if (statSync(join(ROOT, path)).isDirectory()) return files(path, ending);
    return name.endsWith(ending) ? [relative('.', path)] : [];
  });
}

export const read = (path) => readFileSync(join(ROOT, path), 'utf8');

/** Markdown without comments and what stands in blocks of code. */
export const prose = (text) => text.replace(/<!--[\s\S]*?-->/g, '').replace(/^( *)```[\s\S]*?^\1```$/gm, '');

/** The blocks of code in this language. */
export function blocks(text, language) {
  return [...text.matchAll(/^( *)```(\S*)\n([\s\S]*?)^\1```$/gm)].filter(([, , kind]) => kind === language).map(([, , , block]) => block);
}

/** What a heading is reached by, as GitHub and mdBook make it. */
export function anchors(text) {
  const seen = new Map();
  return new Set([...prose(text).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading]) => {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/`/g, '');
    const slug = plain.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times ? `${slug}-${times}` : slug;
  }));
}
