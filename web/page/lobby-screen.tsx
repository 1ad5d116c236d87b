/** The lobby: files that everyone at this relay may take, which the relay reads too. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { LOBBY_CODE } from "../../protocol/code/code.ts";
import type { Danger } from "../../protocol/content/dangers.ts";
import type { LobbyShare } from "../job/lobby-messages.ts";
import { relayAddress } from "../browser/page-addresses.ts";
import { lobbyDownload } from "./addresses.ts";
import { goHome, openLobby, receive, send } from "./app-state.ts";
import { Icon } from "./icons.tsx";
import type { LobbyRun } from "./lobby-run.ts";
import { LongList } from "./long-list.tsx";
import { DANGER_WORDS } from "./offer-files.ts";
import { Alert, Heading, Name, Note, Waiting } from "./parts.tsx";
import { SendForm } from "./send-form.tsx";
import { TokenForm } from "./token-form.tsx";
import { count, size } from "./words.ts";

export function LobbyScreen({ run }: { readonly run: LobbyRun }): JSX.Element {
  return (
    <>
      <Heading level={1}>Lobby</Heading>
      <Note kind="warn">
        <p>
          <strong>The lobby is public and not encrypted.</strong> Everyone at this relay can take
          these files and offer others, and the relay can read them. Open only files that you
          expect.
        </p>
      </Note>
      <section class="card" aria-labelledby="offered-title">
        <h2 id="offered-title">Offered now</h2>
        <Offered run={run} />
      </section>
      <SendToLobby />
      <div class="row">
        <button type="button" onClick={goHome}>
          Back to the start
        </button>
      </div>
    </>
  );
}

function Offered({ run }: { readonly run: LobbyRun }): JSX.Element {
  const state = run.state.value;
  if (state.at === "connecting") {
    return <Waiting>{state.message ?? "The page connects to the relay."}</Waiting>;
  }
  if (state.at === "ended") {
    return (
      <>
        <Alert>{state.message}</Alert>
        {state.wantsToken ? (
          <TokenForm onToken={openLobby} />
        ) : (
          <button type="button" onClick={openLobby}>
            Try again
          </button>
        )}
      </>
    );
  }
  const lines = state.shares.flatMap(linesOf);
  return (
    <>
      {!state.online && <Waiting>{state.message ?? "The page connects again."}</Waiting>}
      {lines.length === 0 ? (
        <p>Nothing is offered at this moment. New files show up here by themselves.</p>
      ) : (
        <LongList
          label="Files in the lobby"
          length={lines.length}
          row={(i) => {
            const line = lines[i];
            return line === undefined ? null : <LineRow key={line.key} line={line} />;
          }}
        />
      )}
      <button type="button" onClick={() => receive({ code: LOBBY_CODE, lobby: true })}>
        <Icon name="down" />
        Receive in this page
      </button>
      <p class="hint">
        The page then asks about each share, and waits for more. The links above download without
        it. A relay without such downloads answers them with an error.
      </p>
    </>
  );
}

/** A line of the list: a file with its link, or words about what has none. */
type Line =
  | {
      readonly key: string;
      readonly path: string;
      readonly bytes: number | undefined;
      readonly dangers: readonly Danger[];
    }
  | { readonly key: string; readonly words: string };

function linesOf({ share, kind, files, more, bytes, open }: LobbyShare): readonly Line[] {
  if (kind === "text") return [{ key: share, words: `A text, ${size(bytes)}` }];
  const lines: Line[] = files
    .filter(({ type }) => type === "file")
    .map(({ path, size: length, dangers }) => ({
      key: `${share}/${path}`,
      path,
      dangers,
      bytes: open ? undefined : length,
    }));
  if (files.length === 0) {
    const words = `${size(bytes)}; the names show when you receive it in this page`;
    lines.push({ key: share, words });
  } else if (more > 0) {
    lines.push({
      key: share,
      words: `and ${count(more, "more file", "more files")} of this share`,
    });
  }
  return lines;
}

function LineRow({ line }: { readonly line: Line }): JSX.Element {
  if ("words" in line) {
    return (
      <li class="item">
        <span class="item-name">{line.words}</span>
      </li>
    );
  }
  const { path, bytes, dangers } = line;
  return (
    <li class="item">
      <Icon name="file" />
      <span class="item-name">
        <a href={lobbyDownload(path, relayAddress())} download>
          <Name text={path} />
        </a>
        {bytes !== undefined && <span class="item-size">{size(bytes)}</span>}
        {["public", ...dangers.map((danger) => DANGER_WORDS[danger])].map((words) => (
          <span key={words} class="flag">
            {words}
          </span>
        ))}
      </span>
    </li>
  );
}

function SendToLobby(): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  return (
    <section class="card" aria-labelledby="lobby-send-title">
      <h2 id="lobby-send-title">Send to the lobby</h2>
      {isOpen ? (
        <SendForm code={LOBBY_CODE} onSend={send} />
      ) : (
        <button type="button" onClick={() => setOpen(true)}>
          <Icon name="up" />
          Offer files to everyone here
        </button>
      )}
    </section>
  );
}
