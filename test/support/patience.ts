/**
 * How long tests wait. Nothing is measured by it: it only ends what hangs. Two shared cores with another busy
 * program take five times as long as two free ones, and a test of 45 s is then no test that hangs.
 */

/** ms that a test, or what comes before the tests of a file, may take */
export const TEST_MS = 300_000;

/** ms that one wait within a test may take. It ends first, as its error says what was waited for. */
export const WAIT_MS = 240_000;
