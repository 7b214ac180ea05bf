// A network that is cut for a while: the camera is closed meanwhile, and the picture is back over the same connection.

import { interruption, watchAcross } from '../tests/browser/support/interruption.mjs';
import { figures, report } from './table.mjs';

const RUNS = Number(process.argv[2] ?? 20);

const endings = [];
const t = { after: (end) => endings.push(end) };
try {
  const rows = [];
  for (const source of ['test', 'exec']) {
    const viewer = await watchAcross(t, source);
    for (const cut of [1000, 2500]) {
      const seen = [];
      for (let run = 0; run < RUNS; run++) seen.push(await interruption(viewer, cut));
      rows.push({
        what: `${source}, cut for ${cut / 1000} s: picture after`,
        ...figures(seen.map(({ back }) => back)),
        'over 300 ms': seen.filter(({ back }) => back > 300).length,
        'same connection': seen.filter(({ same }) => same).length,
        'camera closed': seen.filter(({ closed }) => closed).length,
      });
      rows.push({ what: `${source}, cut for ${cut / 1000} s: camera closed after`, ...figures(seen.map(({ closedAfter }) => closedAfter)) });
      console.error(rows.at(-2), rows.at(-1));
    }
  }
  report('cut', 'ms', rows);
} finally {
  for (const end of endings) await end();
}
