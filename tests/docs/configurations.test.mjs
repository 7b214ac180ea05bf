// Every configuration in a document is one that the program takes.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { ROOT, blocks, files, read } from './support.mjs';

const PROGRAM = process.env.LENSCAP ?? join(ROOT, 'target/release/lenscap');

/** What stands in documents where everybody has a secret of their own, and one that nobody has. */
const SECRETS = [
  ['$argon2id$…', '$argon2id$v=19$m=19456,t=2,p=1$Xmdaw6BWsZwB8icJOMNCbQ$8Gg6DZzbir2iMPBieAMmAQwf+rawPRyaDUEWlByM4W8'],
  ['sha256:…', `sha256:${'0123456789abcdef'.repeat(4)}`],
  ['what `lenscap link` proposes', 'f'.repeat(64)],
];

test('every configuration in a document is right', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const pair = spawnSync(PROGRAM, ['cert', 'localhost', '--out', folder], { encoding: 'utf8' });
  assert.equal(pair.status, 0, pair.error?.message ?? pair.stderr);
  const documents = ['README.md', ...files('docs', '.md')];
  const all = documents.flatMap((path) => blocks(read(path), 'toml').map((block) => ({ path, block })));
  assert.ok(all.length > 10, `${all.length} configurations were found`);
  for (const { path, block } of all) {
    const text = SECRETS.reduce((known, [secret, value]) => known.replaceAll(secret, value), block).replaceAll('/etc/lenscap/lenscap-', `${folder}/lenscap-`);
    const file = join(folder, 'c.toml');
    writeFileSync(file, text);
    const { status, stderr } = spawnSync(PROGRAM, ['check', '--config', file], { encoding: 'utf8' });
    assert.equal(status, 0, `${path}: ${stderr}\n${block}`);
  }
});
