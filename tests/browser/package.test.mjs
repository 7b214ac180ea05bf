// The npm package of the element: it has all that it needs, plays, and its types say what is there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pack } from '../../packaging/npm/pack.mjs';
import { decoded, instrument, launch } from './support/browser.mjs';
import { Server, toml } from './support/server.mjs';

/** The package, packed and unpacked again as a registry would give it. */
function packed(t) {
  const folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const into = pack(folder);
  const [{ filename, files }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: into, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  execFileSync('tar', ['-xzf', filename], { cwd: folder });
  return { root: join(folder, 'package'), names: files.map(({ path }) => path) };
}

test('the package has the element with its modules, types and licences, and nothing of the pages', (t) => {
  const { root, names } = packed(t);
  for (const name of ['lenscap.js', 'session.js', 'connection.js', 'lenscap.d.ts', 'README.md', 'LICENSE-MIT', 'LICENSE-APACHE']) {
    assert.ok(names.includes(name), name);
  }
  for (const name of ['gallery.js', 'debug.js', 'player.js']) assert.ok(!names.includes(name), name);
  for (const name of names.filter((it) => it.endsWith('.js'))) {
    for (const [, other] of readFileSync(join(root, name), 'utf8').matchAll(/from '\.\/([^']+)'/g)) assert.ok(names.includes(other), `${name} needs ${other}`);
  }
});

test('it plays from elsewhere, and has what its types say', async (t) => {
  const { root } = packed(t);
  const site = createServer((request, response) => {
    const isScript = request.url.endsWith('.js');
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? readFileSync(join(root, request.url.slice(1))) : page);
  }).listen(0, '127.0.0.1');
  await once(site, 'listening');
  t.after(() => { site.closeAllConnections(); site.close(); });
  const origin = `http://localhost:${site.address().port}`;
  const server = await Server.start(toml({ cameras: [{ id: 'front', source: 'test', size: [320, 240] }], server: `allowed_origins = ["${origin}"]` }));
  t.after(() => server.stop());
  const page = `<!doctype html><script type="module" src="/lenscap.js"></script><lenscap-video src="${server.url}" stream="front"></lenscap-video>`;
  const browser = await launch();
  t.after(() => browser.close());
  const context = await browser.newContext();
  await instrument(context);
  const tab = await context.newPage();
  await tab.goto(origin);
  await decoded(tab, 5);
  const types = readFileSync(join(root, 'lenscap.d.ts'), 'utf8');
  const members = (kind) => tab.evaluate((kind) => {
    const described = Object.getOwnPropertyDescriptors(customElements.get('lenscap-video').prototype);
    const own = Object.entries(described).filter(([name]) => !/^(constructor|\w+Callback)$/.test(name));
    return own.filter(([, { get }]) => Boolean(get) === (kind === 'properties')).map(([name]) => name);
  }, kind);
  const typed = /class LenscapVideo[^]*?\n}/.exec(types)[0];
  for (const name of [...await members('properties'), ...await members('methods')]) {
    assert.match(typed, new RegExp(`(readonly |get |^  )${name}\\b`, 'm'), name);
  }
  const figures = await tab.evaluate(() => document.querySelector('lenscap-video').statistics());
  const names = [.../interface Figures \{([^]*?)\n\}/.exec(types)[1].matchAll(/^  (\w+):/gm)].map(([, name]) => name);
  assert.deepEqual(Object.keys(figures).toSorted(), names.toSorted());
});
