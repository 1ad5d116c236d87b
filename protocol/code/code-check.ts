/**
 * The check word of a code: it tells a mistyped word, and two words in each other's place, before
 * anything is tried with them. The words are numbers of GF(2^11), and the check word makes the sum
 * of all words zero, each weighted by its own power of x. One wrong word changes the sum, since no
 * weight is zero; so do two different words in each other's place, since no two weights are equal.
 */

/** x^11 + x^2 + 1, by which the field is made; x generates all of it. */
const MODULUS = 0x805;
const BITS = 11;

/** The number of the check word of these words, given by their numbers in the list. */
export function checkNumber(words: readonly number[]): number {
  // Horner's rule: the first word gets the highest power, the last one x, the check word 1.
  return words.reduce((sum, word) => timesX(sum ^ word), 0);
}

function timesX(number: number): number {
  const doubled = number << 1;
  return doubled >> BITS === 0 ? doubled : doubled ^ MODULUS;
}
