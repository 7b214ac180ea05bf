// From a viewer's leaving, by every road and by none, to the end of its camera's process: a real Chromium on a
// network of its own.
//
//   leaving [RUNS] [WORD IN THE NAME …] [--tls] [--gallery | --wall]: over HTTPS and WSS; on another page than the viewer

import { ACTS, CUTS, measureAct } from '../tests/browser/support/acts.mjs';
import { across } from '../tests/browser/support/network.mjs';
import { ffmpegCamera } from '../tests/browser/support/server.mjs';
import { figures, report } from './table.mjs';

const words = process.argv.slice(2);
const tls = words.includes('--tls');
const on = ['gallery', 'wall'].find((page) => words.includes(`--${page}`)) ?? 'viewer';
const [runs, ...chosen] = words.filter((word) => !word.startsWith('--'));
const RUNS = Number(runs ?? 10);

const endings = [];
const { network, server, browser } = await across({ after: (end) => endings.push(end) }, {
  tls,
  cameras: [{ id: 'pipe', source: `exec:${ffmpegCamera()}` }, ...(on === 'wall' ? [{ id: 'small', source: 'test', size: [320, 240] }] : [])],
});
try {
  const rows = [];
  for (const act of Object.keys({ ...ACTS, ...CUTS })) {
    if (chosen.length > 0 && !chosen.some((word) => act.includes(word))) continue;
    const series = [];
    for (let run = 0; run < RUNS; run++) {
      series.push(await measureAct(server, 'pipe', act, { shared: browser, network, elsewhere: 'about:blank' }, on));
    }
    rows.push({ what: act, ...figures(series) });
    console.error(rows.at(-1));
  }
  report(['leaving', ...(tls ? ['tls'] : []), ...(on === 'viewer' ? [] : [on])].join('-'), 'ms', rows);
} finally {
  for (const end of endings) await end();
}
