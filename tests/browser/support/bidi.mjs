// Debian's Firefox, driven by WebDriver BiDi (W3C): as much of it as is needed to open a page and to look at it.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FIREFOX = '/usr/bin/firefox-esr';

/** A client of a WebSocket (RFC 6455) that only speaks text: { send, onText, end }. */
async function socketTo(url) {
  const { host, hostname, port, pathname } = new URL(url);
  const request = http.request({
    hostname, port, path: pathname,
    headers: { Host: host, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': randomBytes(16).toString('base64') },
  }).end();
  const [, socket, head] = await once(request, 'upgrade');
  const client = { onText: () => {}, end: () => socket.destroy() };
  let read = head;
  let text = [];
  const take = () => {
    for (;;) {
      if (read.length < 2) return;
      let [at, length] = [2, read[1] & 0x7f];
      if (length === 126 && read.length >= 4) [at, length] = [4, read.readUInt16BE(2)];
      else if (length === 127 && read.length >= 10) [at, length] = [10, Number(read.readBigUInt64BE(2))];
      else if (length > 125) return;
      if (read.length < at + length) return;
      const [last, kind] = [read[0] & 0x80, read[0] & 0x0f];
      if (kind <= 1) text.push(read.subarray(at, at + length));
      read = read.subarray(at + length);
      if (kind <= 1 && last) {
        client.onText(Buffer.concat(text).toString());
        text = [];
      }
    }
  };
  socket.on('data', (piece) => {
    read = Buffer.concat([read, piece]);
    take();
  });
  socket.on('error', () => {});
  client.send = (words) => {
    const [payload, mask] = [Buffer.from(words), randomBytes(4)];
    payload.forEach((byte, nth) => { payload[nth] = byte ^ mask[nth % 4]; });
    const long = payload.length > 125;
    if (payload.length > 0xffff) throw new Error('more than is sent here');
    const header = Buffer.alloc(long ? 4 : 2);
    header[0] = 0x81;
    header[1] = 0x80 | (long ? 126 : payload.length);
    if (long) header.writeUInt16BE(payload.length, 2);
    socket.write(Buffer.concat([header, mask, payload]));
  };
  take();
  return client;
}

/** What older ones say of a page that was left while it was being told something. */
const LEFT = /was interrupted while the page was loading/;

/** A Firefox: { open, evaluate, until, screenshot, problems, close }. `preferences` are set in its profile. */
export async function launchFirefox(preferences = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lenscap-firefox-'));
  writeFileSync(join(folder, 'user.js'), Object.entries({
    // It is to be as it is without a network: nothing is fetched from Mozilla.
    'app.update.enabled': false, 'browser.shell.checkDefaultBrowser': false, 'datareporting.policy.dataSubmissionEnabled': false,
    'media.gmp-manager.updateEnabled': false, 'browser.safebrowsing.update.enabled': false, 'extensions.update.enabled': false,
    'network.captive-portal-service.enabled': false, 'network.connectivity-service.enabled': false,
    ...preferences,
  }).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''));
  const child = spawn(FIREFOX, ['--headless', '--no-remote', '--remote-debugging-port=0', '--profile', folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  const endpoint = await new Promise((resolve, reject) => {
    let said = '';
    child.once('exit', () => reject(new Error(`Firefox ended: ${said}`)));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
      const found = /WebDriver BiDi listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
  });
  const socket = await socketTo(`${endpoint}/session`);
  const waiting = new Map();
  const problems = [];
  socket.onText = (text) => {
    const message = JSON.parse(text);
    if (message.method === 'log.entryAdded' && message.params.level === 'error' && !LEFT.test(message.params.text)) problems.push(message.params.text);
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.type === 'error') asked?.reject(new Error(`${message.error}: ${message.message}`));
    else asked?.resolve(message.result);
  };
  let id = 0;
  const command = (method, params = {}) => new Promise((resolve, reject) => {
    waiting.set(++id, { resolve, reject });
    socket.send(JSON.stringify({ id, method, params }));
  });
  await command('session.new', { capabilities: {} });
  await command('session.subscribe', { events: ['log.entryAdded'] });
  const { context } = await command('browsingContext.create', { type: 'tab' });
  /** What an expression, or a promise of it, comes to: of what JSON can say. */
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await command('script.evaluate', {
      expression: `(async () => JSON.stringify(await (${expression})))()`, target: { context }, awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.value === undefined ? undefined : JSON.parse(result.value);
  };
  return {
    problems,
    evaluate,
    open: (url) => command('browsingContext.navigate', { context, url, wait: 'complete' }),
    press: (value) => command('input.performActions', { context, actions: [{ type: 'key', id: 'keys', actions: [{ type: 'keyDown', value }, { type: 'keyUp', value }] }] }),
    screenshot: async () => Buffer.from((await command('browsingContext.captureScreenshot', { context })).data, 'base64'),
    /** Waits until an expression holds, which is asked in the page itself. */
    until: async (expression, patience = 20_000) => {
      const holds = await evaluate(`new Promise((resolve) => {
        const end = Date.now() + ${patience};
        const look = () => { if (${expression}) resolve(true); else if (Date.now() > end) resolve(false); else setTimeout(look, 50); };
        look();
      })`);
      if (!holds) throw new Error(`not within ${patience} ms: ${expression}`);
    },
    close: async () => {
      socket.end();
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}
