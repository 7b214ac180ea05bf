// Clients that we did not write play what we send.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { stage } from './support.mjs';

let clients;
before(async () => { clients = await stage(); });
after(() => clients?.end());

const BOTH = ['audio', 'video'];
for (const [offer, watch] of [
  ['an offer with video of str0m', () => clients.str0m()],
  ['an offer with audio and video of str0m', () => clients.str0m('--audio')],
  ['an offer with audio before video of str0m', () => clients.str0m('--audio-first')],
  ['an offer with video of aiortc', () => clients.aiortc('--video-only')],
  ['an offer with audio and video of aiortc', () => clients.aiortc()],
  ['an offer with video of GStreamer', () => clients.gstreamer('--video-only')],
  ['an offer with audio and video of GStreamer, max-bundle', () => clients.gstreamer()],
  ['an offer with video of Chromium', () => clients.chromium({ kinds: ['video'] })],
  ['an offer with audio before video of Chromium', () => clients.chromium({ kinds: BOTH })],
  ['an offer with video before audio of Chromium', () => clients.chromium({ kinds: ['video', 'audio'] })],
  ['an offer with audio and video of Chromium, max-bundle', () => clients.chromium({ kinds: BOTH, bundlePolicy: 'max-bundle' })],
  ['an offer with audio and video of Chromium, max-compat', () => clients.chromium({ kinds: BOTH, bundlePolicy: 'max-compat' })],
]) {
  test(`${offer} plays`, async (t) => {
    const seen = await watch();
    t.diagnostic(JSON.stringify(seen));
    assert.ok(seen.picture_ms > 0, JSON.stringify(seen));
    if (seen.width) assert.deepEqual([seen.width, seen.height], [640, 360]);
    await clients.nobody();
  });
}
