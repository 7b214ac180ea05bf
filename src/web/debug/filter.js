// What is looked for. Pure.

/** Whether all words are somewhere among these texts. */
export function matcher(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  return (...texts) => {
    const all = texts.filter((it) => it !== null && it !== undefined).join(' ').toLowerCase();
    return words.every((word) => all.includes(word));
  };
}
