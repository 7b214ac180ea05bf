// Who may come, seen from a real browser: it logs in, it watches, and it is let go when it may not any more.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { clock } from './support/acts.mjs';
import { decoded, instrument, launch } from './support/browser.mjs';
import { BINARY, Server, toml } from './support/server.mjs';

const PASSWORD = 'open sesame';
const CAMERAS = [{ id: 'front', source: 'test', size: [320, 240] }, { id: 'back', source: 'test', size: [320, 240] }];

/** The suspicious names are of DNS: a browser is told that they are here. */
const FOREIGN = 'rebound.example';

let hash;
let browser;

before(async () => {
  hash = execFileSync(BINARY, ['passwd'], { input: `${PASSWORD}\n`, encoding: 'utf8' }).trim();
  browser = await launch({ args: [`--host-resolver-rules=MAP ${FOREIGN} 127.0.0.1`] });
});

after(() => browser.close());

const user = (name, keys = '') => `[[access.user]]\nname = "${name}"\npassword = '${hash}'\n${keys}\n`;

/** A server for ann, who administers it, and bob, who may watch "front". */
async function guarded(t, { users = user('ann', 'admin = true') + user('bob', 'view = ["front"]'), server: keys = '' } = {}) {
  const text = (users) => `${toml({ cameras: CAMERAS, server: keys })}${users}`;
  const server = await Server.start(text(users), { login: `ann:${PASSWORD}` });
  t.after(() => server.stop());
  return { server, only: (users) => server.rewrite(text(users)) };
}

async function page(t) {
  const context = await browser.newContext({ viewport: { width: 640, height: 480 } });
  t.after(() => context.close());
  await instrument(context, { player: true });
  return context.newPage();
}

async function logIn(page, name, password = PASSWORD) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

test('a browser logs in, watches, and is let go at once when it may not any more', async (t) => {
  const { server, only } = await guarded(t);
  const tab = await page(t);
  await tab.goto(`${server.url}/view/front`);
  assert.equal(new URL(tab.url()).pathname, '/login');
  await logIn(tab, 'bob', 'wrong password');
  await tab.getByText('is not right').waitFor();
  await logIn(tab, 'bob');
  await tab.waitForURL(`${server.url}/view/front`);
  await decoded(tab, 10);
  only(user('ann', 'admin = true'));
  const told = clock();
  server.hangUp();
  // The last picture is the last that was shown before the connection ended.
  await server.until(({ peers, cameras }) => peers.length === 0 && cameras.every(({ state }) => state === 'closed'), 'bob is let go');
  const { releases: [release] } = await server.debug();
  assert.equal(release.cause, 'revoked');
  await tab.getByText('Log in at /login').waitFor();
  const last = await tab.evaluate(() => performance.timeOrigin + window.frames.at(-1).at);
  console.log(`camera closed ${release.at - told} ms after SIGHUP, last picture shown after ${(last - told).toFixed(0)} ms`);
  assert.ok(last - told < 500, `${last - told} ms`);
});

test('whoever logs out is let go, and the gallery shows what may be watched and no more', async (t) => {
  const { server } = await guarded(t);
  const tab = await page(t);
  await tab.goto(server.url);
  await logIn(tab, 'bob');
  await tab.getByRole('heading', { name: 'front' }).waitFor();
  assert.equal(await tab.getByRole('heading', { name: 'back' }).count(), 0);
  assert.ok(!(await tab.getByRole('link', { name: '/debug' }).isVisible()));
  await tab.getByRole('button', { name: 'Watch front' }).click();
  await decoded(tab, 5);
  await tab.getByRole('button', { name: 'Log bob out' }).click();
  await tab.waitForURL(`${server.url}/login`);
  await server.until(({ peers }) => peers.length === 0, 'nobody watches');
  await tab.goto(`${server.url}/debug`);
  assert.equal(new URL(tab.url()).pathname, '/login');
});

test('who may not see a page is told so in words, and can log in as somebody else', async (t) => {
  const { server } = await guarded(t);
  const tab = await page(t);
  await tab.goto(`${server.url}/debug`);
  await logIn(tab, 'bob');
  await tab.getByText('this needs the right to administer').waitFor();
  await tab.getByRole('link', { name: 'Log in' }).click();
  await logIn(tab, 'ann');
  await tab.waitForURL(server.url + '/');
  await tab.goto(`${server.url}/debug`);
  await tab.getByRole('heading', { name: 'Actors' }).waitFor();
});

test('a page of a foreign name that points here turns no camera on', async (t) => {
  const server = await Server.start(toml({ cameras: CAMERAS }));
  t.after(() => server.stop());
  const { port } = new URL(server.url);
  const tab = await page(t);
  const response = await tab.goto(`http://${FOREIGN}:${port}/view/front`);
  assert.equal(response.status(), 421);
  await tab.getByText(`not known as "${FOREIGN}`).waitFor();
  const tried = await tab.evaluate(async () => {
    const offer = await fetch('/whep/front', { method: 'POST', body: 'v=0', headers: { 'Content-Type': 'application/sdp' } });
    const socket = new WebSocket(`ws://${location.host}/ws`);
    const ended = await new Promise((resolve) => { socket.onopen = () => resolve('open'); socket.onerror = () => resolve('refused'); });
    return [offer.status, ended];
  });
  assert.deepEqual(tried, [421, 'refused']);
  assert.ok((await server.debug()).cameras.every(({ opens }) => opens === 0));
});

test('a page of another site shows none of ours within itself, and one that it sends to waits for a click', async (t) => {
  const server = await Server.start(toml({ cameras: CAMERAS }));
  t.after(() => server.stop());
  const other = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(request.url === '/frame'
      ? `<iframe src="${server.url}/view/front"></iframe>`
      : `<a href="${server.url}/view/front">look</a>`);
  }).listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  // Another port of this machine is the same site as ours, and another origin.
  const elsewhere = `http://localhost:${other.address().port}`;
  const tab = await page(t);
  const refused = tab.waitForEvent('console', (said) => said.text().includes('frame-ancestors'));
  await tab.goto(`${elsewhere}/frame`);
  await refused;
  assert.ok((await server.debug()).cameras.every(({ opens }) => opens === 0), 'no frame of another site');
  await tab.goto(elsewhere);
  await tab.getByText('look').click();
  await tab.waitForURL(`${server.url}/view/front`);
  const play = tab.getByRole('button', { name: 'Watch front' });
  await play.waitFor();
  assert.ok((await server.debug()).cameras.every(({ opens }) => opens === 0), 'not without a click');
  await play.click();
  await decoded(tab, 5);
});

test('names that are no names do nothing on our pages', async (t) => {
  // Whatever a configuration can name: users, for streams and cameras are letters and digits.
  const evil = '<img src=x onerror=window.hit=1>';
  const { server } = await guarded(t, { users: user(evil, 'admin = true') + user('ann', 'admin = true') });
  const tab = await page(t);
  await tab.goto(`${server.url}/login?next=/%22%3E%3Cscript%3Ewindow.hit=1%3C/script%3E`);
  await logIn(tab, evil);
  await tab.goto(server.url);
  await tab.getByRole('button', { name: evil }).waitFor();
  await tab.goto(`${server.url}/view/%3Cscript%3Ewindow.hit=1%3C%2Fscript%3E`);
  await tab.goto(`${server.url}/debug`);
  await tab.getByRole('heading', { name: 'Actors' }).waitFor();
  assert.equal(await tab.evaluate(() => window.hit), undefined);
});

test('the beacon of a page that is closed is let in', async (t) => {
  const { server } = await guarded(t);
  const tab = await page(t);
  await tab.goto(`${server.url}/view/front`);
  await logIn(tab, 'bob');
  await decoded(tab, 5);
  const beacon = tab.waitForResponse((response) => response.url().endsWith('/leave'));
  await tab.evaluate(() => navigator.sendBeacon(window.answers.at(-1).beacon));
  assert.equal((await beacon).status(), 204);
});
