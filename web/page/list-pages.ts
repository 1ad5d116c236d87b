/** Long lists in pages: 100,000 names must not freeze the page. */

/** Rows at first: enough to see what it is, short enough for a phone. */
export const ROWS_FIRST = 8;
/** Rows of a page once a person wants to see all. */
export const ROWS_PER_PAGE = 100;

interface ListPage {
  /** From 0 on. */
  readonly page: number;
  readonly pages: number;
  readonly from: number;
  readonly to: number;
}

/** @param all whether the person wants to see more than the beginning */
export function pageOf(length: number, all: boolean, page: number): ListPage {
  if (!all) return { page: 0, pages: 1, from: 0, to: Math.min(length, ROWS_FIRST) };
  const pages = Math.max(1, Math.ceil(length / ROWS_PER_PAGE));
  const shown = Math.max(0, Math.min(page, pages - 1));
  const from = shown * ROWS_PER_PAGE;
  return { page: shown, pages, from, to: Math.min(length, from + ROWS_PER_PAGE) };
}
