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

/** Letters to insert, drop, change or swap with their neighbour to get from one to the other. */
export function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let slips = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        slips = Math.min(slips, before[j - 2]! + 1);
      }
      row.push(slips);
    }
    [before, previous] = [previous, row];
  }
  return previous[to.length]!;
}
