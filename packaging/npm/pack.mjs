// Puts the npm package together, from the files that the server has in itself.
//
//   pack [FOLDER]   makes FOLDER/lenscap (target/npm/lenscap), for `npm pack` and `npm publish`
//
// The element and what it imports, and nothing else of the pages.

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HERE = join(ROOT, 'packaging/npm');
const WEB = join(ROOT, 'src/web');

/** The modules that this one needs, itself among them. */
function modules(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const [, other] of readFileSync(join(WEB, name), 'utf8').matchAll(/from '\.\/([\w-]+\.js)'/g)) modules(other, found);
  return found;
}

export function pack(folder = join(ROOT, 'target/npm')) {
  const into = join(folder, 'lenscap');
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into, { recursive: true });
  const names = [...modules('lenscap.js')];
  for (const name of names) copyFileSync(join(WEB, name), join(into, name));
  for (const name of ['README.md', 'lenscap.d.ts']) copyFileSync(join(HERE, name), join(into, name));
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) copyFileSync(join(ROOT, name), join(into, name));
  // The version is that of the server.
  const [, version] = /^\[workspace\.package\]\nversion = "([^"]+)"/m.exec(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8'));
  const description = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8'));
  writeFileSync(join(into, 'package.json'), `${JSON.stringify({ ...description, version }, null, 2)}\n`);
  return into;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(pack(process.argv[2]));
