// What drawing /debug costs a browser with 64 cameras and 500 viewers, of whom some come and go: ms of the processor for the scripts of a
// frame. A screen that shows 60 a second leaves 16.

import { launch } from '../tests/browser/support/browser.mjs';
import { fullHouse } from '../tests/browser/support/observer-page.mjs';
import { figures, report } from './table.mjs';

const browser = await launch();
const after = [];
try {
  const { first, spent } = await fullHouse(browser, { after: (act) => after.push(act) });
  report('observer', 'ms of the processor', [
    { what: 'the first frame', ...figures([first.at(-1)]) },
    { what: 'each after it', ...figures(spent) },
  ]);
} finally {
  for (const act of after.reverse()) await act();
  await browser.close();
}
