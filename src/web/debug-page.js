// The page at /debug.

import { liveReport, showTables } from './debug.js';

const summary = document.getElementById('summary');
const into = document.getElementById('report');
liveReport((report) => showTables(report, into, summary), (words) => { summary.textContent = words; });
