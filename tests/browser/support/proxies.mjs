// Reverse proxies as Debian has them, configured as the guide says (docs/guide/behind-a-proxy.md).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from './server.mjs';

/** `./dev test` unpacks them there. */
const PROXIES = join(ROOT, 'target/proxies');

/** The block of the guide that is marked by this word, with our addresses in it. */
function fromGuide(word, port, target) {
  const guide = readFileSync(join(ROOT, 'docs/guide/behind-a-proxy.md'), 'utf8');
  const block = guide.split('```').find((text) => text.startsWith(`${word}\n`));
  if (!block) throw new Error(`the guide says nothing of ${word}`);
  return block.slice(word.length + 1).replaceAll('127.0.0.1:8080', target).replaceAll('cams.example', `127.0.0.1:${port}`);
}

/** What stands around the guide's block, and the command that serves it. */
const KINDS = {
  nginx: (block, port, folder) => ({
    // Nothing of it is outside of the folder, and it speaks HTTP: there is no certificate for a test.
    text: `daemon off;\npid ${folder}/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${
      ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};\n`).join('')
    }${block.replace(/listen .*;/, `listen 127.0.0.1:${port};`).replace(/ssl_.*;/g, '')}\n}\n`,
    command: (file) => [join(PROXIES, 'usr/sbin/nginx'), ['-e', 'stderr', '-p', folder, '-c', file]],
  }),
  caddy: (block, port) => ({
    text: `{\n  admin off\n  auto_https off\n}\n${block.replace(`127.0.0.1:${port} {`, `http://127.0.0.1:${port} {`)}`,
    command: (file) => [join(PROXIES, 'usr/bin/caddy'), ['run', '--adapter', 'caddyfile', '--config', file]],
  }),
};

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Runs such a proxy in front of `server` until the test `t` is over; gives its address. */
export async function behind(t, kind, server) {
  const [folder, port] = [mkdtempSync(join(tmpdir(), 'lenscap-')), await freePort()];
  const { text, command } = KINDS[kind](fromGuide(kind, port, new URL(server.url).host), port, folder);
  const file = join(folder, 'configuration');
  writeFileSync(file, text);
  const [program, args] = command(file);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: folder } });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (words) => { said += words; });
  t.after(async () => {
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  // It says in no common way that it is there.
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`${kind} ended:\n${said}`);
    const socket = connect(port, '127.0.0.1');
    const is = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false);
    socket.destroy();
    if (is) return `http://127.0.0.1:${port}`;
    await sleep(25);
  }
  throw new Error(`${kind} does not listen:\n${said}`);
}
