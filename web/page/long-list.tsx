/** A list that shows its beginning, and on request all of it in pages. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { pageOf, ROWS_FIRST } from "./list-pages.ts";
import { count } from "./words.ts";

interface LongListProps {
  readonly label: string;
  readonly length: number;
  readonly row: (index: number) => JSX.Element | null;
  /** Words about the rows that are not shown. */
  readonly rest?: string | undefined;
}

export function LongList({ label, length, row, rest }: LongListProps): JSX.Element {
  const [all, setAll] = useState(false);
  const [asked, setAsked] = useState(0);
  const { page, pages, from, to } = pageOf(length, all, asked);
  const rows = Array.from({ length: to - from }, (_, i) => row(from + i));
  const hidden = length - to;
  return (
    <div class="long-list">
      <ul class="items" aria-label={label}>
        {rows}
      </ul>
      {!all && hidden > 0 && (
        <p class="rest">
          <span>
            and {count(hidden, "more", "more")}
            {rest === undefined ? "" : `, ${rest}`}
          </span>
          <button type="button" class="quiet" onClick={() => setAll(true)}>
            Show all
          </button>
        </p>
      )}
      {all && length > ROWS_FIRST && (
        <p class="rest">
          {pages > 1 && (
            <Pages label={label} page={page} pages={pages} onPage={(next) => setAsked(next)} />
          )}
          <button type="button" class="quiet" onClick={() => setAll(false)}>
            Show fewer
          </button>
        </p>
      )}
    </div>
  );
}

interface PagesProps {
  readonly label: string;
  readonly page: number;
  readonly pages: number;
  readonly onPage: (page: number) => void;
}

export function Pages({ label, page, pages, onPage }: PagesProps): JSX.Element {
  return (
    <span class="pages">
      <button
        type="button"
        aria-label={`Previous page of ${label}`}
        disabled={page === 0}
        onClick={() => onPage(page - 1)}
      >
        ‹
      </button>
      <span>
        {page + 1} of {pages}
      </span>
      <button
        type="button"
        aria-label={`Next page of ${label}`}
        disabled={page === pages - 1}
        onClick={() => onPage(page + 1)}
      >
        ›
      </button>
    </span>
  );
}
