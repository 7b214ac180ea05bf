// A page of another site that is allowed to, Home Assistant above all, shows a camera as the guide says.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { launch } from './support/browser.mjs';
import { BINARY, ROOT, Server, toml } from './support/server.mjs';

const TOKEN = 'homeassistant';

/** The card that the guide has people put into their dashboard. */
function card(server) {
  const guide = readFileSync(join(ROOT, 'docs/guide/home-assistant.md'), 'utf8');
  const [, block] = /```js\n([\s\S]*?)```/.exec(guide);
  assert.ok(block.includes("'http://camera-host:8080/lenscap.js'"), 'the guide names our module');
  return block.replace('http://camera-host:8080', server.url);
}

/** Another site, and a server that lets it and whoever has `path`, a link. */
async function site(t) {
  const pages = new Map();
  const other = createServer((request, response) => {
    response.setHeader('Content-Type', request.url.endsWith('.js') ? 'text/javascript' : 'text/html');
    response.end(pages.get(request.url) ?? '');
  }).listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  // Another name is another site.
  const origin = `http://localhost:${other.address().port}`;
  const hash = createHash('sha256').update(TOKEN).digest('hex');
  const text = toml({ cameras: [{ id: 'front', source: 'test', size: [320, 240] }], server: `allowed_origins = ["${origin}"]` })
    .replace('[access]\n', `[access]\nlink_key = "${'k'.repeat(40)}"\n`);
  // With an account, being on this machine is worth nothing.
  const configuration = `${text}[[access.token]]\nname = "ha"\nhash = "sha256:${hash}"\nadmin = true\n`;
  const folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'c.toml');
  writeFileSync(file, configuration);
  const path = execFileSync(BINARY, ['link', 'front', '--for', '1y', '--config', file], { encoding: 'utf8' }).trim();
  const server = await Server.start(configuration, { bearer: TOKEN });
  t.after(() => server.stop());
  return { origin, pages, path, server };
}

for (const how of ['frame', 'card']) {
  test(`a page of an allowed origin shows a camera by a ${how}, and closes it with itself`, async (t) => {
    const { origin, pages, path, server } = await site(t);
    const link = new URL(path, server.url).searchParams.get('link');
    pages.set('/frame', `<iframe src="${server.url}${path}"></iframe>`);
    pages.set('/card.js', card(server));
    pages.set('/card', `<lenscap-card></lenscap-card><script type="module">
      import '/card.js';
      document.querySelector('lenscap-card').setConfig({ stream: 'front', link: ${JSON.stringify(link)} });
    </script>`);
    const browser = await launch();
    t.after(() => browser.close());
    const page = await browser.newPage();
    await page.goto(`${origin}/${how}`);
    await server.until(({ peers, cameras }) => peers.some(({ state }) => state === 'watching') && cameras[0].state === 'capturing', 'it watches');
    // As a sensor sees it.
    const sensor = async () => {
      const response = await fetch(`${server.url}/streams`, { headers: { Authorization: `Bearer ${TOKEN}` } });
      return (await response.json()).streams.find(({ id }) => id === 'front');
    };
    const watched = await sensor();
    assert.deepEqual([watched.camera_state, watched.viewers], ['capturing', 1]);
    await page.close();
    await server.until(({ peers, cameras }) => peers.length === 0 && cameras[0].state === 'closed', 'it is closed');
    assert.equal((await sensor()).camera_state, 'closed');
  });
}
