// node silent.mjs URL CONNECTIONS SECONDS: sends offers by WHEP, and nothing after them. Prints how many.

import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { ROOT } from '../../tests/browser/support/server.mjs';

const [url, connections, seconds] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const offer = readFileSync(join(ROOT, 'tests/support/offer.sdp'));
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const end = performance.now() + seconds * 1000;
let offers = 0;

const send = () => new Promise((resolve) => {
  const asked = request(url, { agent, method: 'POST', headers: { 'Content-Type': 'application/sdp', 'Content-Length': offer.length } }, (answer) => {
    answer.resume().once('end', resolve);
  });
  asked.once('error', resolve);
  asked.end(offer);
});

await Promise.all(Array.from({ length: connections }, async () => {
  while (performance.now() < end) {
    await send();
    offers += 1;
  }
}));
agent.destroy();
console.log(JSON.stringify({ offers, seconds }));
