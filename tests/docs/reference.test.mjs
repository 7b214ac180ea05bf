// The reference says what the code says.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { TO, present } from '../../docs/generate-reference.mjs';
import { blocks, files, read } from './support.mjs';
import { CAUSES, meaning } from '../../src/web/debug/words.js';

/** The structs of src/config/file.rs that are no section of the file themselves. */
const NO_SECTION = new Set(['File']);

/** Where those stand whose names do not say it. */
const SECTIONS = { Ice: 'webrtc.ice', User: 'access.user', Token: 'access.token', Acme: 'tls.acme' };

/** Each key that src/config/file.rs reads, with its section. */
function keys() {
  const code = read('src/config/file.rs');
  return [...code.matchAll(/^pub\(super\) struct (\w+) \{\n([\s\S]*?)^\}/gm)].filter(([, name]) => !NO_SECTION.has(name))
    .flatMap(([, name, body]) => {
      const section = SECTIONS[name] ?? name.toLowerCase();
      return [...body.matchAll(/^ {4}pub (\w+): (.+),$/gm)].map(([, key, kind]) => ({ key: `${section}.${key}`, kind }));
    });
}

test('the reference of the configuration is what `./dev docs` makes', () => {
  assert.equal(readFileSync(TO, 'utf8'), present(), 'run `./dev docs`');
});

test('every key that is read is in the reference', () => {
  const page = present();
  const all = keys();
  assert.ok(all.length > 60, `${all.length} keys were found in src/config/file.rs`);
  const missing = all.filter(({ key }) => ![`### \`${key}\``, `[${key}]`].some((heading) => page.includes(heading))).map(({ key }) => key);
  assert.deepEqual(missing, [], `config.toml says nothing of ${missing.join(', ')}`);
});

/** The commands and options of src/cli.rs. */
function commandLine() {
  const code = read('src/cli.rs');
  const [, body] = /enum Command \{\n([\s\S]*?)^\}/m.exec(code);
  const commands = [...body.matchAll(/^ {4}([A-Z]\w*)/gm)].map(([, name]) => name.toLowerCase());
  const options = [...code.matchAll(/#\[arg\(long(?: = "([a-z-]+)")?[^\]]*\]\s+(?:pub )?(\w+):/g)].map(([, long, field]) => long ?? field.replaceAll('_', '-'));
  assert.ok(commands.length > 5 && options.length > 5, `${commands.length} commands and ${options.length} options were found in src/cli.rs`);
  return { commands, options };
}

test('every command and option is in the reference of the command line', () => {
  const page = read('docs/reference/cli.md');
  const { commands, options } = commandLine();
  for (const name of commands) assert.match(page, new RegExp(`^## \`lenscap ${name}\`$`, 'm'), `cli.md lacks ${name}`);
  for (const option of options) {
    assert.ok(['`--', ' --', '[--'].some((start) => page.includes(`${start}${option}`)), `cli.md lacks --${option}`);
  }
});

test('every command in a document is one that there is', () => {
  const { commands, options } = commandLine();
  const ours = [...read('dev').matchAll(/^ {2}([a-z]+)\)$/gm)].map(([, name]) => name);
  const lines = ['README.md', 'CONTRIBUTING.md', ...files('docs', '.md')].flatMap((path) => (
    blocks(read(path), 'sh').join('').split('\n').map((line) => line.replace(/ # .*| {2,}#.*/, ''))
  ));
  const used = lines.flatMap((line) => [...line.matchAll(/(?:^|[ /])lenscap ([a-z].*)/g)].map(([, rest]) => rest)).filter((rest) => /^[a-z]+( |$)/.test(rest));
  assert.ok(used.length > 10, `${used.length} commands were found`);
  for (const [command, ...rest] of used.map((line) => line.split(' '))) {
    assert.ok(commands.includes(command), `lenscap ${command}`);
    for (const option of rest.filter((word) => word.startsWith('--'))) assert.ok(options.includes(option.slice(2)), `lenscap ${command} ${option}`);
  }
  for (const [, name] of lines.join('\n').matchAll(/^\.\/dev ([a-z]+)/gm)) assert.ok(ours.includes(name), `./dev ${name}`);
});

test('every route is in the reference of HTTP', () => {
  const paths = files('src/http', '.rs').flatMap((path) => [...read(path).matchAll(/resource\("([^"]+)"\)/g)]);
  assert.ok(paths.length > 12, `${paths.length} routes were found in src/http`);
  const bare = (path) => path.replaceAll(/\{[^}]*\}/g, '{}');
  const known = [...read('docs/reference/http.md').matchAll(/^\| `[A-Z]+ (\/[^`\s?]*)/gm)].map(([, path]) => bare(path));
  for (const [, path] of paths) assert.ok(known.includes(bare(path)), `http.md lacks ${path}`);
});

/** The words by which programs know the variants of an enum. */
function words(path, name) {
  const [, body] = new RegExp(`pub enum ${name} \\{\\n([\\s\\S]*?)^\\}`, 'm').exec(read(path));
  const found = [...body.matchAll(/^ {4}([A-Z]\w*),/gm)].map(([, variant]) => variant.replace(/(?!^)[A-Z]/g, '_$&').toLowerCase());
  assert.ok(found.length > 3, `${found.length} variants of ${name} were found`);
  return found;
}

test('the observer says what every cause and every state means', () => {
  assert.deepEqual(Object.keys(CAUSES).sort(), words('actors/src/departure/cause.rs', 'Cause').sort());
  for (const [name, kind] of [['CameraState', 'camera'], ['StreamState', 'stream'], ['PeerState', 'peer']]) {
    for (const word of words('actors/src/board/status.rs', name)) assert.notEqual(meaning(kind, word), word, `${kind} ${word}`);
  }
});

test('every state, cause and error code is in the reference', () => {
  const pages = files('docs/reference', '.md').map(read).join('\n');
  // A peer is shown from the moment that it has its answer.
  const states = ['CameraState', 'StreamState', 'PeerState'].flatMap((name) => words('actors/src/board/status.rs', name)).filter((word) => word !== 'negotiating');
  const codes = ['src/http/problem.rs', 'actors/src/ports/capture_error.rs'].flatMap((path) => (
    [...read(path).matchAll(/(?:code: |=> \(?|\(|else \{ )"([a-z]+_[a-z]+|unauthorised)"/g)].map(([, code]) => code)
  ));
  assert.ok(new Set(codes).size > 8, `${new Set(codes).size} codes were found`);
  const missing = [...states, ...words('actors/src/departure/cause.rs', 'Cause'), ...codes].filter((word) => !new RegExp(`\\b${word}\\b`).test(pages));
  assert.deepEqual([...new Set(missing)], [], `the reference says nothing of ${[...new Set(missing)].join(', ')}`);
});

test('every message of the WebSocket is in the reference', () => {
  const page = read('docs/reference/http.md');
  const code = read('src/http/ws.rs');
  const [, requests] = /^pub enum Request \{\n([\s\S]*?)^\}/m.exec(read('src/http/ws/request.rs'));
  const asked = [...requests.matchAll(/^ {4}([A-Z]\w*)/gm)].map(([, name]) => name.toLowerCase());
  const told = [...code.matchAll(/"type": "(\w+)"/g)].map(([, name]) => name);
  assert.ok(asked.length > 6 && told.length > 8, `${asked.length} and ${told.length} messages were found`);
  for (const name of [...asked, ...told]) assert.ok(page.includes(`{"type":"${name}"`), `http.md lacks the message ${name}`);
});
