// Behind the reverse proxies that people use, configured as the guide says.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { decoded, instrument, launch } from './support/browser.mjs';
import { behind } from './support/proxies.mjs';
import { BINARY, ROOT, Server, toml } from './support/server.mjs';

const PASSWORD = 'open sesame';
const OFFER = readFileSync(join(ROOT, 'tests/support/offer.sdp'), 'utf8');

let browser;
let user;

before(async () => {
  const hash = execFileSync(BINARY, ['passwd'], { input: `${PASSWORD}\n`, encoding: 'utf8' }).trim();
  user = `[[access.user]]\nname = "ann"\npassword = '${hash}'\nadmin = true\n`;
  browser = await launch();
});

after(() => browser.close());

for (const kind of ['nginx', 'caddy']) {
  test(`behind ${kind} people log in and watch, and their leaving closes the camera`, async (t) => {
    const cameras = [{ id: 'front', source: 'test', size: [320, 240] }];
    const text = `${toml({ cameras, server: 'trusted_proxies = ["127.0.0.1"]\n' })}${user}`;
    const server = await Server.start(text, { login: `ann:${PASSWORD}` });
    t.after(() => server.stop());
    const url = await behind(t, kind, server);
    const context = await browser.newContext({ viewport: { width: 640, height: 480 } });
    t.after(() => context.close());
    await instrument(context);
    const page = await context.newPage();
    await page.goto(`${url}/view/front`);
    await page.getByLabel('Name').fill('ann');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL(`${url}/view/front`);
    await decoded(page, 10);
    await page.goto(url);
    await server.until(({ peers, cameras }) => peers.length === 0 && cameras.every(({ state }) => state === 'closed'), 'it is closed');
    // The gallery lives on events, which a proxy must not hold back.
    const viewers = (words) => page.locator('.card .more', { hasText: words }).waitFor();
    await viewers('nobody watches');
    const headers = { Authorization: `Basic ${Buffer.from(`ann:${PASSWORD}`).toString('base64')}`, 'Content-Type': 'application/sdp' };
    const answer = await fetch(`${url}/whep/front`, { method: 'POST', headers, body: OFFER });
    assert.equal(answer.status, 201);
    await viewers('1 viewer');
    const gone = await fetch(new URL(answer.headers.get('location'), url), { method: 'DELETE', headers });
    assert.equal(gone.status, 200);
    assert.match(gone.headers.get('server-timing'), /release;dur=/);
    const { cameras: [{ state }] } = await server.debug();
    assert.equal(state, 'closed');
    // Whoever asks over HTTP/1.0 or without a word for whom is nobody.
    assert.equal((await fetch(`${server.url}/streams`)).status, 401);
  });

  test(`behind ${kind} nobody is let in because the proxy is on this machine`, async (t) => {
    const server = await Server.start(toml({ cameras: [{ id: 'front', source: 'test' }] }));
    t.after(() => server.stop());
    const url = await behind(t, kind, server);
    const answer = await fetch(`${url}/debug`, { headers: { Accept: 'application/json' } });
    assert.equal(answer.status, 403);
    assert.match((await answer.json()).message, /trusted_proxies/);
  });
}
