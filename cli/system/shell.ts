/** A word of a command line as a POSIX shell takes it; plain words stay as they are. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A whole command line to copy. */
export function shellLine(words: readonly string[]): string {
  return words.map(shellQuote).join(" ");
}
