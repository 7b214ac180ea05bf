// How much of the picture a connection carries, in words.

/** Percent up to which each is said. */
const SHARES = [
  [15, 'little'], [28, 'a quarter'], [41, 'a third'], [57, 'half'], [70, 'two thirds'], [85, 'three quarters'], [100, 'most'],
];

/** Words for a message of the type `link`; none if all is well. */
export function linkWords({ rendition, carries_percent: percent }) {
  const share = percent === null ? null : SHARES.find(([most]) => percent <= most)[1];
  if (rendition === 'small') {
    return share
      ? `Your connection carries ${share} of the picture: it is shown smaller.`
      : 'Your connection does not carry the whole picture: it is shown smaller.';
  }
  return share ? `Your connection carries ${share} of the picture.` : '';
}
