// What the frames say that a viewer could decode. A frame is [ms since 1970, age in ms].

/** The cameras' frames a second. */
export const FPS = 30;
const WHOLE = 0.9;
const STEP = 50;

const between = (frames, from, to) => frames.filter(([at]) => at >= from && at < to).length;

/** Frames a second in this span. */
export const rate = (frames, from, to) => between(frames, from, to) * 1000 / (to - from);

/** Whether a viewer had its full rate in this span. */
export const whole = (frames, from, to) => rate(frames, from, to) >= WHOLE * FPS;

/** The least frames a second in any window of `width` ms within the span. */
export function least(frames, from, to, width) {
  let fewest = Infinity;
  for (let start = from; start + width <= to; start += STEP) fewest = Math.min(fewest, rate(frames, start, start + width));
  return fewest;
}

/** Seconds from a moment until the beginning of the first second with the full rate; NaN if there is none by `end`.
 *  Frames that are older than a second are not the picture: they are a queue that drains. */
export function back(seen, from, end) {
  const frames = seen.filter(([, age]) => age === null || age < 1000);
  for (let start = from; start + 1000 <= end; start += STEP) if (whole(frames, start, start + 1000)) return (start - from) / 1000;
  return NaN;
}

/** The longest time without a frame in this span, in ms; before the first frame of all only if `from` is later. */
export function freeze(frames, from, to) {
  const first = frames[0]?.[0];
  if (first === undefined || first >= to) return NaN;
  const moments = [Math.max(from, first), ...frames.map(([at]) => at).filter((at) => at > from && at < to), to];
  return Math.max(...moments.slice(1).map((at, nth) => at - moments[nth]));
}

/** Ages of the frames of this span. */
export const ages = (frames, from, to) => frames.filter(([at, age]) => at >= from && at < to && age !== null).map(([, age]) => age);

/** Bytes a second of what one saw in this span of whole seconds. */
export function bytes({ since, bytes_a_second: series }, from, to) {
  const second = (moment) => Math.max(0, Math.round((moment - since) / 1000));
  const span = series.slice(second(from), second(to));
  return span.reduce((sum, value) => sum + value, 0) / (second(to) - second(from));
}

/** Packets that never came by themselves, in percent. */
export const missing = (seen) => {
  const sum = (name) => seen.reduce((all, one) => all + one[name], 0);
  return sum('missing') * 100 / Math.max(1, sum('missing') + sum('packets'));
};
