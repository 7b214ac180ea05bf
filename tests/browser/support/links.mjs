// A server and groups of viewers, each group behind a link of its own: what is narrow is narrow for that group only.

import { execFileSync } from 'node:child_process';

let count = 0;

/** Links of these kinds:
 *  - `wide`: not shaped;
 *  - `local`: shaped at the server's own end, with a deep queue: what fills first is the sender's socket buffer;
 *  - `router`: shaped by a router on the way, whose queue is short: what does not fit is lost unnoticed. */
export class Links {
  /** The server's address, on a link of its own, so that it is the same for all groups. */
  host = '10.77.255.1';
  #tag = `${process.pid}-${count++}`;
  #namespaces = [];
  #groups = new Map();

  constructor() {
    this.#namespace('server');
    ip('-n', this.#name('server'), 'address', 'add', `${this.host}/32`, 'dev', 'lo');
  }

  /** Adds a group. `rate` is in bits a second, `limit` the queue in bytes. */
  add(group, { kind, rate, limit = kind === 'local' ? 4_000_000 : 64_000 }) {
    const nth = this.#groups.size;
    const toGroup = `g${nth}`;
    const address = (host) => `10.77.${nth}.${host}`;
    const server = this.#name('server');
    this.#namespace(group);
    const viewer = this.#name(group);
    if (kind === 'router') {
      const router = this.#namespace(`${group}-router`);
      this.#pair([server, toGroup, address(1)], [router, 'near', address(2)]);
      this.#pair([router, 'far', address(5)], [viewer, 'eth0', address(6)]);
      ip('netns', 'exec', router, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1');
      ip('-n', router, 'route', 'add', 'default', 'via', address(1));
      ip('-n', server, 'route', 'add', `${address(4)}/30`, 'via', address(2));
      ip('-n', viewer, 'route', 'add', 'default', 'via', address(5));
      this.#groups.set(group, { namespace: router, device: 'far', limit });
    } else {
      this.#pair([server, toGroup, address(1)], [viewer, 'eth0', address(2)]);
      ip('-n', viewer, 'route', 'add', 'default', 'via', address(1));
      this.#groups.set(group, { namespace: server, device: toGroup, limit });
    }
    if (rate) this.rate(group, rate);
  }

  /** Changes a link's rate; what is queued stays queued. */
  rate(group, rate) {
    const link = this.#groups.get(group);
    // Enough for a tick of 1 ms at the first rate, and for two packets. It stays the same: what is queued in one piece, and is larger
    // than a bucket that has become smaller, would hold up all that is behind it for good.
    link.burst ??= Math.max(4000, Math.round(rate / 8 / 500));
    const { namespace, device, limit, burst } = link;
    execFileSync('tc', ['-n', namespace, 'qdisc', 'replace', 'dev', device, 'root', 'tbf',
      'rate', `${Math.round(rate)}bit`, 'burst', String(burst), 'limit', String(limit)], { stdio: 'pipe' });
  }

  /** Has this share of what comes to a group's viewers lost, at random; all of it with 100, as if a cable were pulled. */
  lose(group, percent) {
    const share = percent < 100 ? `meta l4proto udp numgen random mod 100 < ${Math.round(percent)}` : '';
    this.#nft(group, `table inet loss {}\ndelete table inet loss\ntable inet loss {
      chain input { type filter hook input priority 0; iifname eth0 ${share} drop; }\n}\n`);
  }

  /** Undoes `lose`. */
  heal(group) {
    this.#nft(group, 'table inet loss {}\ndelete table inet loss\n');
  }

  /** What to put before a command to run it at the server or in a group. */
  inside(side) {
    return ['ip', 'netns', 'exec', this.#name(side)];
  }

  remove() {
    for (const name of this.#namespaces.splice(0)) {
      try {
        ip('netns', 'del', name);
      } catch (error) {
        console.error(`${name} is left: ${error.message}`);
      }
    }
  }

  #name(side) {
    return `lenscap-${side}-${this.#tag}`;
  }

  #namespace(side) {
    const name = this.#name(side);
    ip('netns', 'add', name);
    this.#namespaces.push(name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
    return name;
  }

  #pair([here, device, address], [there, peer, peerAddress]) {
    ip('-n', here, 'link', 'add', device, 'type', 'veth', 'peer', 'name', peer, 'netns', there);
    for (const [namespace, name, own] of [[here, device, address], [there, peer, peerAddress]]) {
      ip('-n', namespace, 'address', 'add', `${own}/30`, 'dev', name);
      ip('-n', namespace, 'link', 'set', name, 'up');
    }
  }

  #nft(group, input) {
    const [command, ...args] = [...this.inside(group), 'nft', '-f', '-'];
    execFileSync(command, args, { input });
  }
}

function ip(...args) {
  execFileSync('ip', args, { stdio: 'pipe' });
}
