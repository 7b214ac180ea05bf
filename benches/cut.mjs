// A network that is cut for a while: the camera is closed meanwhile, and the picture is back over the same connection.
//
//   cut [RUNS] [SECONDS …] [both|up|down …] [test|exec …]
//   cut road [MINUTES] [test|exec …]: outages one after another, as long as those that were recorded on the road

import { interruption, watchAcross } from '../tests/browser/support/interruption.mjs';
import { figures, report } from './table.mjs';

const words = process.argv.slice(2);
const numbers = words.map(Number).filter((number) => number > 0);
const among = (all) => (all.some((one) => words.includes(one)) ? all.filter((one) => words.includes(one)) : all);

const RUNS = numbers[0] ?? 10;
const LENGTHS = numbers.length > 1 ? numbers.slice(1) : [1, 2.5, 3.4, 4, 5, 6, 8, 12, 20, 28, 40];

/** At which side arrivals vanish. */
const WAYS = { both: ['server', 'viewer'], up: ['server'], down: ['viewer'] };

/** Lengths of outages, s: so many are longer than x as fall with a power of it (docs/design/departure.md). */
const [SHORTEST, LONGEST, EXPONENT] = [0.35, 29, 1.4];
const recorded = () => Math.min(LONGEST, SHORTEST * (1 - Math.random()) ** (-1 / EXPONENT));
const anyWay = () => WAYS[['both', 'both', 'up', 'down'][Math.floor(Math.random() * 4)]];

const rows = [];

/** Has somebody watch such a camera across a network while `act` goes on. */
async function watched(source, act) {
  const endings = [];
  try {
    await act(await watchAcross({ after: (end) => endings.push(end) }, source));
  } finally {
    for (const end of endings) await end();
  }
}

async function cuts(viewer, source, way) {
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
}

async function road(viewer, source, minutes) {
  const [seen, end] = [[], Date.now() + minutes * 60_000];
  while (Date.now() < end) seen.push(await interruption(viewer, recorded() * 1000, anyWay()));
  const backs = seen.map(({ back }) => back).sort((a, b) => a - b);
  const { departures: { aways, aways_back: returned }, verdicts } = await viewer.server.debug();
  rows.push({
    what: `${source}, on the road for ${minutes} min: picture after`,
    ...figures(backs),
    '99 %': Math.round(backs[Math.floor(backs.length * 0.99)]),
    'same connection': seen.filter(({ same }) => same).length,
    away: aways, back: returned, verdicts: verdicts.length,
  });
}

for (const source of among(['test', 'exec'])) {
  if (words.includes('road')) await watched(source, (viewer) => road(viewer, source, numbers[0] ?? 60));
  else for (const way of among(Object.keys(WAYS))) await watched(source, (viewer) => cuts(viewer, source, way));
}
report(words.includes('road') ? 'cut-road' : 'cut', 'ms', rows);
