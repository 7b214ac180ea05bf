// The time scale of leavings: the verdict is in the middle; to the left is the time since the last sign of life, to the right the time
// until the camera was closed. Both are logarithmic, for milliseconds matter as much as seconds.

const LEAST = 1;
const MOST = 30_000;

/** Where the ticks are, ms. */
export const TICKS = [100, 1000, 10_000];

/** The middle, in percent of the width. */
export const MIDDLE = 58;

const share = (ms) => Math.log(Math.min(Math.max(ms, LEAST), MOST) / LEAST) / Math.log(MOST / LEAST);

/** How far from the left a silence of so many ms before the verdict begins, in percent. */
export const before = (ms) => MIDDLE * (1 - share(ms));

/** How far from the left a release ends that took so many ms, in percent. */
export const after = (ms) => MIDDLE + (100 - MIDDLE) * share(ms);

/** Buckets of equal width on this scale, and how many of these times fall into each: [share of the width, count]. */
export function buckets(times, count) {
  const counts = new Array(count).fill(0);
  for (const ms of times) counts[Math.min(count - 1, Math.floor(share(ms) * count))] += 1;
  return counts;
}
