// Starts viewers of other makes beside a server, on a network of their own: some of them do not use loopback.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { launch } from '../browser/support/browser.mjs';
import { Network } from '../browser/support/network.mjs';
import { ROOT, Server, ffmpegCamera, toml } from '../browser/support/server.mjs';

const run = promisify(execFile);
const PATIENCE_MS = 30_000;

/** { str0m, aiortc, gstreamer, chromium, nobody, end }: each client watches, takes leave, and says what it has seen; ms from its offer. */
export async function stage({ watched = false } = {}) {
  const network = new Network();
  const server = await Server.start(toml({
    cameras: [{ id: 'camera', source: `exec:${ffmpegCamera()}` }], host: network.host,
  }), { wrap: network.inside('server') });
  const url = `${server.url}/whep/camera`;
  const inside = async (command, ...args) => {
    const [first, ...rest] = [...network.inside('viewer'), command, ...args];
    const { stdout } = await run(first, rest, { timeout: PATIENCE_MS, killSignal: 'SIGKILL' });
    const seen = JSON.parse(stdout.trim().split('\n').at(-1));
    if (seen.failure) throw new Error(`${seen.failure}\n${server.log}`);
    return seen;
  };
  let browser;
  const first = watched ? await watcher([...network.inside('viewer'), join(ROOT, 'target/release/viewers'), url]) : null;
  return {
    /** Nobody watches: the camera is closed. */
    nobody: () => server.until(({ peers, streams }) => peers.length === 0 && streams.every(({ state }) => state === 'idle'), 'everybody has left'),
    aiortc: (...options) => inside(join(ROOT, 'target/aiortc/bin/python'), join(ROOT, 'tests/clients/aiortc_viewer.py'), url, ...options),
    gstreamer: (...options) => inside('/usr/bin/python3', join(ROOT, 'tests/clients/gstreamer_viewer.py'), url, ...options),
    str0m: async (...options) => {
      const seen = await inside(join(ROOT, 'target/release/viewers'), url, '--seconds', '0.2', '--settle', '0', ...options);
      if (seen.failed || seen.picture_ms.runs !== 1) throw new Error(`${seen.failures}\n${server.log}`);
      return { client: 'str0m', answered_ms: seen.answered_ms.max, connected_ms: seen.connected_ms.max, picture_ms: seen.picture_ms.max };
    },
    chromium: async (wish) => {
      browser ??= await launch({ executable: network.chromium });
      const context = await browser.newContext();
      try {
        const page = await context.newPage();
        await page.goto(`${server.url}/`);
        const seen = await page.evaluate(watch, { url, ...wish });
        if (seen.failure) throw new Error(`${seen.failure}\n${server.log}`);
        return seen;
      } finally {
        await context.close();
      }
    },
    end: async () => {
      first?.kill();
      await browser?.close();
      await server.stop();
      network.remove();
    },
  };
}

/** Somebody who watches until killed; resolves when there is a picture. */
async function watcher([command, ...args]) {
  const child = spawn(command, [...args, '--seconds', '3600'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

/** In the page: watches by WHEP with nothing of ours; ms from the offer to each step. */
async function watch({ url, kinds, bundlePolicy = 'balanced' }) {
  const peer = new RTCPeerConnection({ bundlePolicy });
  for (const kind of kinds) peer.addTransceiver(kind, { direction: 'recvonly' });
  const video = document.createElement('video');
  Object.assign(video, { muted: true });
  document.body.replaceChildren(video);
  let start;
  const elapsed = () => performance.now() - start;
  const seen = { client: 'Chromium' };
  peer.onconnectionstatechange = () => { if (peer.connectionState === 'connected') seen.connected_ms ??= elapsed(); };
  const picture = new Promise((resolve) => {
    peer.ontrack = ({ track }) => {
      if (track.kind !== 'video') return;
      video.srcObject = new MediaStream([track]);
      video.requestVideoFrameCallback((_, { width, height }) => resolve({ picture_ms: elapsed(), width, height }));
      video.play().catch(() => {});
    };
  });
  await peer.setLocalDescription(await peer.createOffer());
  start = performance.now();
  const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: peer.localDescription.sdp });
  const answer = await response.text();
  if (response.status !== 201) return { ...seen, failure: `${response.status}: ${answer}` };
  seen.answered_ms = elapsed();
  try {
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    const late = new Promise((_, reject) => { setTimeout(() => reject(new Error(`no picture; ${peer.connectionState}`)), 15_000); });
    Object.assign(seen, await Promise.race([picture, late]));
  } catch (error) {
    seen.failure = `${error}\n${answer}`;
  }
  await fetch(response.headers.get('Location'), { method: 'DELETE' });
  peer.close();
  return seen;
}
