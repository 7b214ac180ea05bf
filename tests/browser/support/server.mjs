// Runs the real server on ports of its own and asks it.

import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { reports } from './events.mjs';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** The program; LENSCAP names another build of it. */
export const BINARY = process.env.LENSCAP ?? join(ROOT, 'target/release/lenscap');

/** ffmpeg as a camera: a moving picture, a keyframe every two seconds, encoded without delay. */
export function ffmpegCamera({ size = '640x360', fps = 30 } = {}) {
  return `exec ffmpeg -hide_banner -loglevel error -re -f lavfi -i testsrc2=size=${size}:rate=${fps} `
    + `-c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -g ${fps * 2} -f h264 -`;
}

/** By which tests are administrators of a server that is not on loopback: from another address of its machine nobody is. */
const ADMIN = 'whoever tests it';
const ADMINISTRATOR = `[[access.token]]\nname = "tests"\nhash = "sha256:${createHash('sha256').update(ADMIN).digest('hex')}"\nadmin = true\n`;

/** A configuration with these cameras ({ id, source, … }) and streams, on free ports of loopback. */
export function toml({ cameras, streams = [], server = '', webrtc = '', departure = '', supervision = '', limits = '', host = '127.0.0.1' }) {
  const entries = (section, list) => list
    .map((entry) => `[[${section}]]\n${Object.entries(entry).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join('')}`)
    .join('');
  return `[server]\nlisten = "${host}:0"\n${server}\n[webrtc]\nlisten = "${host}:0"\n${webrtc}\n`
    + `[access]\nopen = ${host !== '127.0.0.1'}\n[departure]\n${departure}\n[supervision]\n${supervision}\n[limits]\n${limits}\n[debug]\nallow_kill = true\n[discovery]\nv4l2 = false\n${host === '127.0.0.1' ? '' : ADMINISTRATOR}${entries('camera', cameras)}${entries('stream', streams)}`;
}

/** The pages are in the program: one that is older shows what they were before, and a test of them would mean nothing. */
function assertPagesAreEmbedded() {
  if (process.env.LENSCAP) return;
  const pages = join(ROOT, 'src/web');
  const built = statSync(BINARY).mtimeMs;
  const newer = readdirSync(pages, { recursive: true }).find((name) => statSync(join(pages, name)).mtimeMs > built);
  if (newer) throw new Error(`src/web/${newer} is newer than ${BINARY}: cargo build --release`);
}

export class Server {
  log = '';
  #child;
  #folder;
  #wrap;
  #headers = { Accept: 'application/json' };

  /** `wrap` is put before the command, to run it elsewhere: ['ip', 'netns', 'exec', …]. `login` (NAME:PASSWORD) or `bearer` is who asks. */
  static async start(configuration, { wrap = [], login = null, bearer = null } = {}) {
    assertPagesAreEmbedded();
    const server = new Server();
    if (wrap.length > 0) server.#headers.Authorization = `Bearer ${ADMIN}`;
    if (bearer) server.#headers.Authorization = `Bearer ${bearer}`;
    if (login) server.#headers.Authorization = `Basic ${Buffer.from(login).toString('base64')}`;
    server.#wrap = wrap;
    server.#folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
    const file = join(server.#folder, 'config.toml');
    writeFileSync(file, configuration);
    const [command, ...args] = [...wrap, BINARY, 'run', '--config', file];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: server.#folder });
    server.#child = child;
    const ready = Promise.withResolvers?.() ?? withResolvers();
    child.stderr.setEncoding('utf8').on('data', (text) => {
      server.log += text;
      const found = /streams at (https?:\/\/[^/]+)\/ \(video by UDP ([^)]+)\)/.exec(server.log);
      if (found) ready.resolve(found);
    });
    child.once('exit', (code) => ready.reject(new Error(`the server ended with ${code}:\n${server.log}`)));
    const [, url, udp] = await ready.promise;
    server.url = url;
    server.udp = udp;
    server.pid = child.pid;
    return server;
  }

  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
    return this.#child.exitCode;
  }

  /** Replaces its configuration. */
  rewrite(configuration) {
    writeFileSync(join(this.#folder, 'config.toml'), configuration);
  }

  /** Has it read who may come. */
  hangUp() {
    this.#child.kill('SIGHUP');
  }

  async debug() {
    if (this.#wrap.length > 0) {
      // It is on a network of its own.
      const [command, ...args] = [...this.#wrap, 'curl', '-sSk', ...Object.entries(this.#headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]), `${this.url}/debug`];
      const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 1 << 24 });
      return JSON.parse(stdout);
    }
    const response = await fetch(`${this.url}/debug`, { headers: this.#headers });
    return response.json();
  }

  /** Gives an order to an actor; resolves to the status of the answer. */
  async order(path, what) {
    const { status } = await fetch(`${this.url}/debug/actors/${path}/${what}`, { method: 'POST', headers: this.#headers });
    return status;
  }

  async #poll(condition, what, patience) {
    const deadline = Date.now() + patience;
    for (;;) {
      const report = await this.debug();
      if (condition(report)) return report;
      if (Date.now() > deadline) throw new Error(`not within ${patience} ms: ${what}\n${JSON.stringify(report, null, 1)}\n${this.log}`);
      await sleep(50);
    }
  }

  /** The releases of one peer, or of whoever leaves after the first `seen`, once there is one: a leaving is
      written down when the stream has answered, which may be after the peer has vanished from the list. */
  async released({ peer, seen = 0 }) {
    const of = ({ releases }) => releases.slice(seen).filter((release) => !peer || release.peer === peer);
    return of(await this.until((report) => of(report).length > 0, `release of ${peer ?? 'somebody'}`));
  }

  /** Waits until `condition` holds for what /debug says, which is asked whenever it changes. */
  async until(condition, what = condition.toString(), patience = 10_000) {
    if (this.#wrap.length > 0) return this.#poll(condition, what, patience);
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), patience);
    let last;
    try {
      const response = await fetch(`${this.url}/debug/events`, { signal: abort.signal, headers: this.#headers });
      for await (last of reports(response.body)) {
        if (condition(last)) return last;
      }
    } catch (error) {
      if (error.name !== 'AbortError') throw error;
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
    throw new Error(`not within ${patience} ms: ${what}\n${JSON.stringify(last, null, 1)}\n${this.log}`);
  }
}

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
