// A thousand offers in a minute that nothing follows, or for as many seconds as are given, beside a viewer that watches
// and others that join.

import { halfOpen } from '../tests/browser/support/half-open.mjs';
import { figures, report } from './table.mjs';

const seconds = Number(process.argv[2] ?? 60);
const seen = await halfOpen(seconds);
const { healthy, joined, answers, fresh, under, after, idle } = seen;
const percent = (share) => share * 100;
const answered = figures(answers.map(({ ms }) => ms));
const shown = figures(joined.filter(({ status }) => status === 0).map(({ first_frame_ms }) => first_frame_ms));
const rows = [
  ['seconds', seconds], ['offers', seen.offers], ['peers at most', seen.most],
  ['offers by WHEP that were refused', answers.filter(({ status }) => status !== 201).length],
  ['answer, ms, median', answered.median], ['answer, ms, at most', answered.max],
  ['longest pause of the viewer, ms', healthy.longest_pause_ms], ['its broken frames', healthy.broken_frames], ['its frames a second', healthy.frames_per_second],
  ['viewers that joined', joined.length], ['that saw nothing', joined.filter(({ status }) => status !== 0).length],
  ['first frame before, ms', seen.first.first_frame_ms], ['first frame, ms, median', shown.median], ['first frame, ms, at most', shown.max],
  ['a core before, %', percent(seen.calmShare)], ['a core meanwhile, %', percent(seen.share)],
  ['descriptors at the start', fresh.descriptors], ['meanwhile', under.descriptors], ['at the end', idle.descriptors],
  ['RSS at the start, kB', fresh.kilobytes], ['meanwhile', under.kilobytes], ['after the offers', after.kilobytes], ['at the end', idle.kilobytes],
  ['exit status', seen.status],
].map(([what, value]) => ({ what, value }));
report('half-open', 'counts', rows);
