// What a server says, as people write it. Pure.

/** What the server says of a failure, as a sentence beside others. What begins with a name keeps it as it is. */
export function sentence(words) {
  const begun = /^[a-z]+ /.test(words) ? words[0].toUpperCase() + words.slice(1) : words;
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
