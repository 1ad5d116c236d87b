/** ms between two questions: no pause would take the processor from those who are asked. */
const ASK_MS = 5;

/** Asks until it is so, of something outside of the test that tells nothing by itself. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await Bun.sleep(ASK_MS);
}
