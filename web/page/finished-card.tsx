/** A share that arrived: its text, or the names of its saved files. */
import type { JSX } from "preact";

import { CopyButton, Heading, Name, Note } from "./parts.tsx";
import { Icon } from "./icons.tsx";
import { LongList } from "./long-list.tsx";
import { headOf } from "./offer-card.tsx";
import type { Finished } from "./receive-state.ts";
import { count, duration, shownText, size } from "./words.ts";

/** A shorter time says nothing about a rate. ms */
const SHORT_MS = 100;

interface FinishedCardProps {
  readonly finished: Finished;
  /** Whether it has come just now, so that the focus goes there. */
  readonly isNews: boolean;
}

export function FinishedCard({ finished, isNews }: FinishedCardProps): JSX.Element {
  const { text, unsound } = finished;
  const title = text === undefined ? "Saved" : "Text";
  return (
    <section class="card done">
      {isNews ? <Heading>{title}</Heading> : <h2>{title}</h2>}
      {text === undefined ? <Saved finished={finished} /> : <Text text={text} />}
      {unsound.length > 0 && <Unsound finished={finished} />}
    </section>
  );
}

function Text({ text }: { readonly text: string }): JSX.Element {
  return (
    <>
      {/* A long text scrolls, so the keyboard has to reach it. */}
      <pre class="text" dir="auto" tabIndex={0} role="region" aria-label="Received text">
        {shownText(text)}
      </pre>
      <div class="row">
        <CopyButton label="Copy" text={text} main />
      </div>
    </>
  );
}

function Saved({ finished }: { readonly finished: Finished }): JSX.Element {
  const { offer, names, ms, confirmed, way } = finished;
  const took =
    ms < SHORT_MS
      ? ""
      : ` in ${duration(ms / 1000)} (${size(Math.round((1000 * offer.bytes) / ms))}/s)`;
  return (
    <>
      <p class="good">
        <Icon name="check" />
        <span>
          {headOf(offer)}
          {took}
        </span>
      </p>
      <LongList
        label="Saved files"
        length={names.length}
        row={(i) => (
          <li key={i} class="item">
            <Icon name="file" />
            <span class="item-name">
              <Name text={names[i] ?? ""} />
            </span>
          </li>
        )}
      />
      <p class="hint">
        {way?.way === "download" || way?.way === "memory"
          ? "Look in the browser's downloads for it. "
          : ""}
        {confirmed
          ? "Every part was decrypted and verified, and the sender knows it."
          : "Every part was decrypted and verified. The sender could not be told."}
      </p>
    </>
  );
}

function Unsound({ finished: { offer, unsound } }: { readonly finished: Finished }): JSX.Element {
  return (
    <Note kind="warn">
      <p>
        {count(unsound.length, "file", "files")} changed at the sender and did not arrive whole. Ask
        the sender to send again.
      </p>
      <LongList
        label="Files that are not whole"
        length={unsound.length}
        row={(i) => {
          const path = offer.files[unsound[i] ?? -1]?.path ?? "";
          return (
            <li key={path} class="item">
              <Name text={path} />
            </li>
          );
        }}
      />
    </Note>
  );
}
