// What the pages decide, as tables.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './support/browser.mjs';
import { Server, toml } from './support/server.mjs';

let server;
let browser;
let page;

before(async () => {
  server = await Server.start(toml({ cameras: [{ id: 'front', source: 'test' }] }));
  browser = await launch();
  page = await browser.newPage();
  await page.goto(`${server.url}/healthz`);
});

after(async () => {
  await browser.close();
  await server.stop();
});

/** What a function of one of the page's modules gives for each of these lists of arguments. */
const decide = (module, name, table) => page.evaluate(async ([module, name, table]) => {
  const { [name]: decides } = await import(module);
  return table.map((row) => decides(...row));
}, [module, name, table]);

async function check(module, name, table) {
  const given = await decide(module, name, table.map(([row]) => row));
  assert.deepEqual(given, table.map(([, expected]) => expected));
}

test('the wall has as few columns as show all, and no tile that is too small', () => check('/wall.js', 'columnsFor', [
  [[1, 1440, 850], 1],
  [[2, 1440, 850], 2],
  [[4, 1440, 850], 2],
  [[12, 1440, 850], 4],
  [[12, 390, 700], 1],
  [[64, 2560, 1390], 9],
  [[64, 1440, 850], 6],
  [[64, 7680, 1000], 10],
  [[0, 1440, 850], 1],
]));

test('arrow keys go to the next card in their direction, and stay at the edge', () => {
  // Two rows of three, and one below.
  const boxes = [0, 1, 2, 3, 4, 5, 6].map((nth) => ({ left: (nth % 3) * 100, top: Math.floor(nth / 3) * 60, width: 90 }));
  return check('/neighbor.js', 'neighbor', [
    [[boxes, 0, 'ArrowRight'], 1],
    [[boxes, 2, 'ArrowRight'], 3],
    [[boxes, 6, 'ArrowRight'], 6],
    [[boxes, 0, 'ArrowLeft'], 0],
    [[boxes, 1, 'ArrowDown'], 4],
    [[boxes, 5, 'ArrowDown'], 6],
    [[boxes, 6, 'ArrowDown'], 6],
    [[boxes, 6, 'ArrowUp'], 3],
    [[boxes, 1, 'ArrowUp'], 1],
    [[boxes, -1, 'ArrowDown'], 0],
    [[[], -1, 'ArrowDown'], -1],
  ]);
});

test('keys that are typed, or are the browser’s own, are not ours', () => {
  const bound = { f: 1, '/': 1, digit: 1, Escape: 1 };
  const key = (key, more = {}) => ({ key, ctrlKey: false, altKey: false, metaKey: false, typing: false, ...more });
  return check('/shortcuts.js', 'actionOf', [
    [[key('f'), bound], 'f'],
    [[key('F'), bound], 'f'],
    [[key('7'), bound], 'digit'],
    [[key('0'), bound], null],
    [[key('x'), bound], null],
    [[key('f', { ctrlKey: true }), bound], null],
    [[key('f', { typing: true }), bound], null],
    [[key('Escape', { typing: true }), bound], 'Escape'],
    [[key('toString'), bound], null],
  ]);
});

test('ages are said as people say them', () => check('/words.js', 'ageWords', [
  [[0], 'just now'], [[59_000], 'just now'], [[60_000], '1 min ago'], [[12.5 * 60_000], '12 min ago'], [[3_599_000], '59 min ago'],
  [[3_600_000], '1 h ago'], [[47 * 3_600_000], '47 h ago'], [[48 * 3_600_000], '2 days ago'],
]));

test('every failure is said with what happens next', async () => {
  const admin = { admin: true };
  const stream = (camera, state) => ({ camera_state: camera, state, viewers: 1 });
  for (const [camera, state] of [['absent', 'backoff'], ['backoff', 'backoff'], ['failed', 'failed'], ['closed', 'failed'], ['closed', 'backoff']]) {
    const [[step], [words]] = [await decide('/words.js', 'nextStep', [[stream(camera, state), admin]]), await decide('/words.js', 'stateWords', [[stream(camera, state)]])];
    assert.ok(step.length > 10 && words.length > 5 && !['Closed', 'Open'].includes(words), `${camera} ${state}: ${words} ${step}`);
  }
  assert.deepEqual(await decide('/words.js', 'nextStep', [[stream('capturing', 'live'), admin], [stream('closed', 'idle'), admin]]), ['', '']);
  await check('/sentence.js', 'sentence', [
    [['the program ended'], 'The program ended.'], [['/dev/video0 is in use: close it'], '/dev/video0 is in use: close it.'],
    [['exec:yes has written'], 'exec:yes has written.'], [['Not plugged in.'], 'Not plugged in.'],
  ]);
});

test('the way from camera to player is known only if both clocks are', () => {
  const NTP = 2_208_988_800_000;
  const source = (captured, played) => ({ captureTimestamp: NTP + captured, timestamp: played });
  // The server's clock is an hour ahead; its report took 20 ms.
  const report = { remoteTimestamp: 3_600_000 + 1000, timestamp: 1020 };
  return check('/capture-time.js', 'captureToPlayer', [
    [[source(3_605_000, 5080), report, 40], 80],
    [[source(3_605_000, 5000), report, 40], 0],
    [[source(3_605_000, 4000), report, 40], null],
    [[{ timestamp: 5080 }, report, 40], null],
    [[source(3_605_000, 5080), null, 40], null],
    [[source(3_605_000, 5080), report, null], null],
  ]);
});

test('figures are those of the time since the last ones', async () => {
  const video = (more) => ({ id: 'v', timestamp: 1000, framesDecoded: 100, bytesReceived: 1_000_000, packetsReceived: 1000, packetsLost: 10, jitterBufferDelay: 1, jitterBufferEmittedCount: 100, totalDecodeTime: 0.1, frameWidth: 640, frameHeight: 360, ...more });
  const later = video({ timestamp: 3000, framesDecoded: 160, bytesReceived: 1_500_000, packetsReceived: 1090, packetsLost: 20, jitterBufferDelay: 1.6, jitterBufferEmittedCount: 160, totalDecodeTime: 0.22, framesDropped: 3, freezeCount: 1 });
  const [figures, first, other] = await decide('/figures.js', 'figuresOf', [
    [{ video: video() }, { video: later, pair: { currentRoundTripTime: 0.025 }, codec: 'H264' }],
    [null, { video: video({ framesPerSecond: 30 }) }],
    [{ video: video() }, { video: { ...later, id: 'another' } }],
  ]);
  const round = (value) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);
  assert.deepEqual(Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, round(value)])), {
    width: 640, height: 360, codec: 'H264', framesPerSecond: 30, bitsPerSecond: 2_000_000, lostPercent: 10, lostPackets: 20,
    roundTripMs: 25, bufferMs: 10, decodeMs: 2, latencyMs: null, droppedFrames: 3, freezes: 1,
  });
  assert.deepEqual([first.framesPerSecond, first.bitsPerSecond], [30, null]);
  assert.equal(other.bitsPerSecond, null, 'of another connection there is nothing before');
});

test('what the server did not send is said by reason', () => check('/overlay.js', 'dropsWords', [
  [[null], 'nothing'],
  [[{ skipped_frames: 0, late_frames: 0, refused_packets: 0 }], 'nothing'],
  [[{ skipped_frames: 1, late_frames: 12, refused_packets: 0 }], '12 frames too late for your link, 1 frame before a keyframe'],
  [[{ skipped_frames: 0, late_frames: 0, refused_packets: 40 }], '40 packets for want of room'],
]));

test('a press moves a camera by a part of its range, on its grid, and not beyond', () => check('/steering.js', 'moved', [
  [[{ min: -36000, max: 36000, step: 3600, value: 0 }, 1], 3600],
  [[{ min: -36000, max: 36000, step: 3600, value: 36000 }, 1], 36000],
  [[{ min: 100, max: 400, step: 1, value: 100 }, 1], 113],
  [[{ min: 100, max: 400, step: 1, value: 105 }, -1], 100],
  [[{ min: 0, max: 5, step: 1, value: 2 }, -1], 1],
  [[{ min: 0, max: 10, step: 0, value: null }, 1], 1],
]));

test('a saved picture is called by its stream and its time', async () => {
  const name = await page.evaluate(async () => (await import('/player.js')).fileName('front', new Date(2026, 0, 5, 7, 8, 9)));
  assert.equal(name, 'front 2026-01-05 07.08.09.jpg');
});
