// What monitors make of /metrics: Prometheus itself (as Debian has it; `./dev test` unpacks it) reads it, and answers every question of the dashboard.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { launch, openViewer } from './support/browser.mjs';
import { ROOT, Server, toml } from './support/server.mjs';

const TOOLS = join(ROOT, 'target/prometheus/usr/bin');
const OFFER = readFileSync(join(ROOT, 'tests/support/offer.sdp'), 'utf8');
const CAMERAS = [
  { id: 'front', source: 'test', size: [320, 240] },
  { id: 'broken', source: 'exec:echo no camera here >&2; exit 3' },
];

/** Scrapes that are needed for a rate, and one more. */
const SCRAPES = 6;

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  return port;
}

/** A Prometheus that scrapes this server each second: { ask(query) }. */
async function prometheus(t, target) {
  const folder = mkdtempSync(join(tmpdir(), 'lenscap-'));
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, `global: { scrape_interval: 1s, scrape_timeout: 1s }\nscrape_configs:\n  - job_name: lenscap\n    static_configs: [{ targets: ['${target}'] }]\n`);
  const port = await freePort();
  const child = spawn(join(TOOLS, 'prometheus'), [`--config.file=${file}`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (words) => { said += words; });
  t.after(async () => {
    if (child.exitCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const ask = async (query) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query })}`);
    const answer = await response.json();
    if (answer.status !== 'success') throw new Error(`${query}: ${answer.error}`);
    return answer.data.result;
  };
  const until = async (what, query, fits) => {
    const deadline = Date.now() + 60_000;
    for (;;) {
      assert.equal(child.exitCode, null, said);
      const result = await ask(query).catch(() => []);
      if (fits(result)) return;
      assert.ok(Date.now() < deadline, `never ${what}: ${said}`);
      await sleep(250);
    }
  };
  return { ask, until };
}

/** Somebody watches by HTTP alone, and leaves when the camera is open. */
async function comeAndGo(server) {
  const headers = { 'Content-Type': 'application/sdp' };
  const answer = await fetch(`${server.url}/whep/front`, { method: 'POST', body: OFFER, headers });
  await server.until(({ cameras }) => cameras.find(({ id }) => id === 'front').state === 'capturing', 'the camera is open');
  await fetch(new URL(answer.headers.get('location'), server.url), { method: 'DELETE' });
}

/** The names in the table of the reference. */
function namesOfReference() {
  const rows = readFileSync(join(ROOT, 'docs/reference/metrics.md'), 'utf8').split('\n').filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => [...row.split('|')[1].matchAll(/`([^`]+)`/g)].map(([, name]) => name));
}

test('promtool finds nothing to say of /metrics, whoever watches, fails or leaves, and no metric is without a value', async (t) => {
  const server = await Server.start(toml({ cameras: CAMERAS }));
  t.after(() => server.stop());
  const browser = await launch();
  t.after(() => browser.close());
  const viewer = await openViewer(browser, server, 'front');
  const check = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const { status, stdout, stderr } = spawnSync(join(TOOLS, 'promtool'), ['check', 'metrics'], { input: text, encoding: 'utf8' });
    assert.deepEqual([status, stdout, stderr], [0, '', ''], text);
    return text;
  };
  await check();
  await viewer.close();
  await server.until(({ releases }) => releases.length > 0, 'a release');
  const text = await check();
  const names = namesOfReference();
  assert.ok(names.length > 30);
  assert.deepEqual(names.filter((name) => !new RegExp(`^${name}(_count)?[{ ]`, 'm').test(text)), [], text);
});

test('every question of the dashboard is answered while somebody watches', async (t) => {
  const server = await Server.start(toml({ cameras: CAMERAS }));
  t.after(() => server.stop());
  const monitor = await prometheus(t, new URL(server.url).host);
  const browser = await launch();
  t.after(() => browser.close());
  const scrapes = async (count) => {
    const [{ value: [, before] }] = await monitor.ask('sum(count_over_time(up[1h]))');
    await monitor.until(`${count} more scrapes`, 'sum(count_over_time(up[1h]))', ([it]) => Number(it?.value[1]) >= Number(before) + count);
  };
  // A rate needs a first one to begin from.
  for (const leavings of [1, 2]) {
    await comeAndGo(server);
    await monitor.until('a leaving', 'sum(lenscap_silence_before_verdict_seconds_count)', ([it]) => Number(it?.value[1]) >= leavings);
  }
  const viewer = await openViewer(browser, server, 'front');
  await scrapes(SCRAPES);
  const { panels } = JSON.parse(readFileSync(join(ROOT, 'docs/grafana/lenscap.json'), 'utf8'));
  const questions = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
  assert.ok(questions.length > 30);
  const answers = new Map();
  for (const { title, expr } of questions) {
    const result = await monitor.ask(expr.replaceAll('$job', '.+').replaceAll('$__rate_interval', '30s'));
    assert.ok(result.length > 0, `${title}: no answer to ${expr}`);
    answers.set(title, result.map(({ value }) => Number(value[1])));
  }
  assert.deepEqual(answers.get('Viewers'), [1]);
  assert.deepEqual(answers.get('Cameras open'), [1]);
  assert.ok(answers.get('Time to the closed camera').every((seconds) => seconds > 0 && seconds < 5), `${answers.get('Time to the closed camera')}`);
  assert.ok(answers.get('Encoded video').some((rate) => rate > 1000), `${answers.get('Encoded video')}`);
  await viewer.close();
});
