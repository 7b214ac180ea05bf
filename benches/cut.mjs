// A network that is cut for a while: the camera is closed meanwhile, and the picture is back over the same connection.
//
//   cut [RUNS] [SECONDS …] [both|up|down …] [test|exec …]

import { interruption, watchAcross } from '../tests/browser/support/interruption.mjs';
import { figures, report } from './table.mjs';

const words = process.argv.slice(2);
const numbers = words.map(Number).filter((number) => number > 0);
const among = (all) => (all.some((one) => words.includes(one)) ? all.filter((one) => words.includes(one)) : all);

const RUNS = numbers[0] ?? 10;
const LENGTHS = numbers.length > 1 ? numbers.slice(1) : [1, 2.5, 3.4, 4, 5, 6, 8, 12, 20, 28, 40];

/** At which side arrivals vanish. */
const WAYS = { both: ['server', 'viewer'], up: ['server'], down: ['viewer'] };

const rows = [];
for (const source of among(['test', 'exec'])) {
  for (const way of among(Object.keys(WAYS))) {
    const endings = [];
    try {
      const viewer = await watchAcross({ after: (end) => endings.push(end) }, source);
      for (const length of LENGTHS) {
        const seen = [];
        for (let run = 0; run < RUNS; run++) seen.push(await interruption(viewer, length * 1000, WAYS[way]));
        rows.push({
          what: `${source}, ${way === 'both' ? 'both ways' : `only ${way}`}, cut for ${length} s: picture after`,
          ...figures(seen.map(({ back }) => back)),
          'over 600 ms': seen.filter(({ back }) => back > 600).length,
          'same connection': seen.filter(({ same }) => same).length,
          'camera closed': seen.filter(({ closed }) => closed).length,
          'closed after, ms (max)': Math.round(Math.max(...seen.map(({ closedAfter }) => closedAfter))),
        });
        console.error(rows.at(-1));
      }
    } finally {
      for (const end of endings) await end();
    }
  }
}
report('cut', 'ms', rows);
