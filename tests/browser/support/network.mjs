// A network of two hosts, each in a namespace of its own: the server's and the viewer's.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from './browser.mjs';
import { BINARY, Server, toml } from './server.mjs';

let count = 0;

/** Server and browser on a network of their own, all of it gone when the test `t` is over. */
export async function across(t, { tls = false, ...configuration }) {
  const network = new Network({ flags: tls ? ['--ignore-certificate-errors'] : [] });
  const folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
  const section = tls ? execFileSync(BINARY, ['cert', network.host, '--out', folder], { encoding: 'utf8' }) : '';
  const server = await Server.start(`${toml({ ...configuration, host: network.host })}${section}`, { wrap: network.inside('server') });
  const browser = await launch({ executable: network.chromium });
  t.after(async () => {
    await browser.close();
    await server.stop();
    network.remove();
    rmSync(folder, { recursive: true });
  });
  return { network, server, browser };
}

export class Network {
  #names;
  #roamed = 0;
  #folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
  /** The server's address. */
  host = '10.77.0.1';

  /** `flags` are Chromium's on the viewer's side. */
  constructor({ flags = [] } = {}) {
    const tag = `${process.pid}-${count++}`;
    this.#names = { server: `lenscap-s-${tag}`, viewer: `lenscap-v-${tag}` };
    const { server, viewer } = this.#names;
    const ip = (...args) => execFileSync('ip', args, { stdio: 'pipe' });
    ip('netns', 'add', server);
    ip('netns', 'add', viewer);
    ip('-n', server, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', viewer);
    for (const [name, address] of [[server, this.host], [viewer, '10.77.0.2']]) {
      ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    // Without default routes, of IPv6 too, Chromium finds no address to connect from.
    ip('-n', viewer, 'address', 'add', 'fd77::2/64', 'dev', 'eth0', 'nodad');
    ip('-n', viewer, 'route', 'add', 'default', 'via', this.host);
    ip('-n', viewer, 'route', 'add', 'default', 'via', 'fd77::1');
    const chromium = join(this.#folder, 'chromium');
    writeFileSync(chromium, `#!/bin/sh\nexec ${this.inside('viewer').join(' ')} /usr/bin/chromium ${flags.join(' ')} "$@"\n`);
    chmodSync(chromium, 0o755);
    /** Starts Chromium on the viewer's side. */
    this.chromium = chromium;
  }

  /** The viewer leaves its network for another, with another address: from Wi-Fi to a phone network. */
  roam() {
    const { server, viewer } = this.#names;
    const ip = (...args) => execFileSync('ip', args, { stdio: 'pipe' });
    const [from, to] = [`eth${this.#roamed}`, `eth${++this.#roamed}`];
    const net = 77 + this.#roamed;
    ip('-n', server, 'link', 'add', to, 'type', 'veth', 'peer', 'name', to, 'netns', viewer);
    for (const [name, last] of [[server, 1], [viewer, 2]]) {
      ip('-n', name, 'address', 'add', `10.${net}.0.${last}/24`, 'dev', to);
      ip('-n', name, 'link', 'set', to, 'up');
    }
    ip('-n', viewer, 'address', 'add', `fd${net}::2/64`, 'dev', to, 'nodad');
    ip('-n', viewer, 'link', 'set', from, 'down');
    ip('-n', viewer, 'route', 'add', 'default', 'via', `10.${net}.0.1`);
    ip('-n', viewer, 'route', 'add', 'default', 'via', `fd${net}::1`);
  }

  /** What to put before a command to run it on one side. */
  inside(side) {
    return ['ip', 'netns', 'exec', this.#names[side]];
  }

  /** What the link to the viewer carries from now on, bits a second; its queue is that of a router, 64 kB. */
  narrow(rate) {
    const burst = String(Math.max(4000, Math.round(rate / 8 / 500)));
    this.#traffic('replace', 'tbf', 'rate', `${rate}bit`, 'burst', burst, 'limit', '64000');
  }

  /** Undoes `narrow`. */
  widen() {
    this.#traffic('del');
  }

  #traffic(order, ...discipline) {
    execFileSync('tc', ['-n', this.#names.server, 'qdisc', order, 'dev', 'eth0', 'root', ...discipline], { stdio: 'pipe' });
  }

  /** Has this share of the UDP packets that arrive at either side lost, at random. */
  lose(percent) {
    const share = percent < 100 ? `numgen random mod 100 < ${percent}` : '';
    for (const side of ['server', 'viewer']) {
      this.#rules(side, 'loss', `chain input { type filter hook input priority 0; meta l4proto udp ${share} drop; }`);
    }
  }

  /** Has all that is on its way to these sides vanish: cables that are pulled, silently. */
  cut(...sides) {
    for (const side of sides) {
      this.#rules(side, 'loss', 'chain input { type filter hook input priority 0; iifname eth0 drop; }');
    }
  }

  /** A firewall that lets the viewer's end go unnoticed: no refusals, no end of its TCP connections. */
  hush() {
    this.#rules('viewer', 'hush', `chain output {
      type filter hook output priority 0;
      icmp type destination-unreachable drop
      tcp flags & (fin | rst) != 0 drop
    }`);
  }

  /** Undoes `lose` and `cut`. */
  heal() {
    this.#clear('loss');
  }

  /** Undoes `hush`. */
  unhush() {
    this.#clear('hush');
  }

  #rules(side, table, chain) {
    const [command, ...args] = [...this.inside(side), 'nft', '-f', '-'];
    execFileSync(command, args, { input: `table inet ${table} {\n${chain}\n}\n` });
  }

  #clear(table) {
    for (const side of ['server', 'viewer']) {
      // Made before it is removed: then it does not matter whether it was there.
      const [command, ...args] = [...this.inside(side), 'nft', '-f', '-'];
      execFileSync(command, args, { input: `table inet ${table} {}\ndelete table inet ${table}\n` });
    }
  }

  remove() {
    for (const name of Object.values(this.#names)) execFileSync('ip', ['netns', 'del', name]);
    rmSync(this.#folder, { recursive: true });
  }
}
