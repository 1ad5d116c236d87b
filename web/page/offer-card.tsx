/** An offer: what it is, what deserves a second look, how it will be saved, and the question. */
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";

import type { Danger } from "../../protocol/content/dangers.ts";
import type { Offer, OfferedFile } from "../job/receive-messages.ts";
import type { Choice } from "../save/saver.ts";
import { Icon } from "./icons.tsx";
import { LongList } from "./long-list.tsx";
import { ROWS_FIRST } from "./list-pages.ts";
import { DANGER_WORDS, dangerCounts, orderedFiles, renamedFiles } from "./offer-files.ts";
import { Heading, Name, Note, Waiting } from "./parts.tsx";
import { count, size, splitPath, storedText } from "./words.ts";

interface OfferCardProps {
  readonly offer: Offer;
  readonly choices: readonly Choice[] | undefined;
  readonly notice: string | undefined;
  /** The receiver's name, to be changed. */
  readonly naming: ComponentChildren;
  /** A picker is open. */
  readonly isPlacing: boolean;
  /** It has just taken the place of another offer: no button works yet. */
  readonly isSettling: boolean;
  readonly onSave: (choice: Choice) => void;
  readonly onShow: () => void;
  readonly onDecline: () => void;
}

export function OfferCard(props: OfferCardProps): JSX.Element {
  const { offer, notice, naming, isPlacing, isSettling, onShow, onDecline } = props;
  return (
    <section class="card" aria-labelledby="offer-title">
      <Heading>
        <span id="offer-title">{headOf(offer)}</span>
      </Heading>
      {offer.kind === "files" && <Files offer={offer} />}
      {offer.stored !== undefined && <p class="hint">{storedText(offer.stored)}</p>}
      {notice !== undefined && <Note kind="warn">{notice}</Note>}
      {isPlacing && <Waiting>Choose a place in the browser's window.</Waiting>}
      {offer.kind === "files" ? (
        <Ways {...props} />
      ) : (
        <div class="row">
          <button type="button" class="main" disabled={isSettling} onClick={onShow}>
            Show the text
          </button>
          <button type="button" onClick={onDecline}>
            Decline
          </button>
        </div>
      )}
      {naming}
    </section>
  );
}

/** `3 files, 1.2 GiB` */
export function headOf({ kind, files, bytes, open }: Offer): string {
  if (kind === "text") return `A text, ${size(bytes)}`;
  const folders = files.filter(({ type }) => type === "folder").length;
  const parts = [count(files.length - folders, "file", "files")];
  if (folders > 0) parts.push(count(folders, "empty folder", "empty folders"));
  return open ? "A stream, of any length" : `${parts.join(" and ")}, ${size(bytes)}`;
}

function Files({ offer }: { readonly offer: Offer }): JSX.Element {
  const { files, open } = offer;
  const { ordered, counts, renamed } = useMemo(
    () => ({
      ordered: orderedFiles(files, ROWS_FIRST),
      counts: dangerCounts(files),
      renamed: renamedFiles(files),
    }),
    [files],
  );
  const flags = Object.entries(counts)
    .filter(([, number]) => number > 0)
    .map(([danger, number]) => `${number.toLocaleString("en")} ${DANGER_WORDS[danger as Danger]}`);
  const shownFlagged = ordered.slice(0, ROWS_FIRST).filter(({ dangers }) => dangers.length > 0);
  const flagged = files.filter(({ dangers }) => dangers.length > 0).length;
  const rest =
    flagged === shownFlagged.length ? "none of them hidden or executable" : "some of them flagged";
  return (
    <>
      <LongList
        label="Offered files"
        length={ordered.length}
        rest={rest}
        row={(i) => {
          const file = ordered[i];
          return file === undefined ? null : <FileRow key={file.path} file={file} open={open} />;
        }}
      />
      {renamed !== undefined && (
        <Note>
          {count(renamed.count, "name is", "names are")} changed, because some systems cannot hold{" "}
          {renamed.count === 1 ? "it" : "them"}: <Name text={renamed.from} /> becomes{" "}
          <Name text={renamed.to} />.
        </Note>
      )}
      {flags.length > 0 && (
        <Note kind="warn">
          <strong>Look twice:</strong> {flags.join(", ")}. Open such files only if you trust the
          sender.
        </Note>
      )}
    </>
  );
}

function FileRow({
  file,
  open,
}: {
  readonly file: OfferedFile;
  readonly open: boolean;
}): JSX.Element {
  const { path, type, size: bytes, dangers } = file;
  const { folders, name } = splitPath(path);
  return (
    <li class="item">
      <Icon name={type} />
      <span class="item-name">
        {folders !== "" && (
          <span class="item-folders">
            <Name text={folders} />
          </span>
        )}
        <Name text={name} />
        {type === "file" && !open && <span class="item-size">{size(bytes)}</span>}
        {dangers.map((danger) => (
          <span key={danger} class="flag">
            {DANGER_WORDS[danger]}
          </span>
        ))}
      </span>
    </li>
  );
}

const WAY_LABELS: Readonly<Record<Choice["way"], string>> = {
  folder: "Save in a folder",
  file: "Save as a file",
  download: "Save as a download",
  memory: "Save from memory",
};

function Ways({ choices, isPlacing, isSettling, onSave, onDecline }: OfferCardProps): JSX.Element {
  const isDisabled = isPlacing || isSettling;
  if (choices === undefined) {
    return (
      <>
        <Waiting>The page looks how this browser can save it.</Waiting>
        <DeclineRow onDecline={onDecline} />
      </>
    );
  }
  const possible = choices.filter(({ impossible }) => impossible === undefined);
  const [best, ...others] = possible;
  if (best === undefined) {
    const why =
      choices.find(({ impossible }) => impossible !== undefined)?.impossible ??
      "This browser has no way to save files. Use another browser, or the terminal.";
    return (
      <>
        <Note kind="warn">{why}</Note>
        <DeclineRow onDecline={onDecline} />
      </>
    );
  }
  return (
    <>
      <p class="hint" id="way">
        {best.note}
      </p>
      <div class="row">
        <button
          type="button"
          class="main"
          aria-describedby="way"
          disabled={isDisabled}
          onClick={() => onSave(best)}
        >
          Save
        </button>
        <button type="button" disabled={isDisabled} onClick={onDecline}>
          Decline
        </button>
      </div>
      {others.length > 0 && (
        <details class="more">
          <summary>Other ways to save</summary>
          <ul class="ways">
            {others.map((choice) => (
              <li key={choice.way}>
                <button type="button" disabled={isDisabled} onClick={() => onSave(choice)}>
                  {WAY_LABELS[choice.way]}
                  {choice.zip ? " (one ZIP)" : ""}
                </button>
                <p class="hint">{choice.note}</p>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function DeclineRow({ onDecline }: { readonly onDecline: () => void }): JSX.Element {
  return (
    <div class="row">
      <button type="button" onClick={onDecline}>
        Decline
      </button>
    </div>
  );
}
