// Which card is next to another, by an arrow key.

/** Index of the next of `boxes` ({ left, top, width }) from the one at `from`; the same if there is none. Pure. */
export function neighbor(boxes, from, key) {
  if (from < 0 || from >= boxes.length) return boxes.length ? 0 : -1;
  if (key === 'ArrowLeft') return Math.max(0, from - 1);
  if (key === 'ArrowRight') return Math.min(boxes.length - 1, from + 1);
  const here = boxes[from];
  const center = here.left + here.width / 2;
  const down = key === 'ArrowDown';
  let best = from;
  let distance = Infinity;
  boxes.forEach(({ left, top, width }, nth) => {
    const beyond = down ? top - here.top : here.top - top;
    if (beyond < 1) return;
    // The nearest row first, and in it the nearest.
    const far = beyond * 1e4 + Math.abs(left + width / 2 - center);
    if (far < distance) [best, distance] = [nth, far];
  });
  return best;
}
