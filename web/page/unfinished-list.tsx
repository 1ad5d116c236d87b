/** Receives and sends that a reload or a crash interrupted: the page offers to go on with them. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type * as SavingRoom from "../save/saving.ts";
import type { UnfinishedReceive } from "../save/saver.ts";
import { filesOfInput } from "../source/chosen-files.ts";
import type { Reopened, UnfinishedSend, UnfinishedSends } from "../source/unfinished-sends.ts";
import { goOnReceiving, send } from "./app-state.ts";
import { thrownText } from "./fault-text.ts";
import { Icon } from "./icons.tsx";
import { whyBroken } from "./page-age.ts";
import { Alert, Name, Note } from "./parts.tsx";
import { count, nameOfAll, shown, size } from "./words.ts";

/** Rows at once; the person forgets some to see older ones. */
const ROWS_MOST = 10;

/** The rooms that the list works with. The first screen shows before it is loaded. */
interface Rooms {
  readonly sends: UnfinishedSends;
  readonly receives: Pick<typeof SavingRoom, "forgetReceive" | "unfinishedReceives">;
}

async function loadRooms(): Promise<Rooms> {
  const [receives, { UnfinishedSends }] = await Promise.all([
    import("../save/saving.ts"),
    import("../source/unfinished-sends.ts"),
  ]);
  return { receives, sends: new UnfinishedSends() };
}

interface Found {
  readonly rooms: Rooms;
  readonly receives: readonly UnfinishedReceive[];
  readonly sends: readonly UnfinishedSend[];
}

export function UnfinishedList(): JSX.Element | null {
  const [found, setFound] = useState<Found>();
  const [problem, setProblem] = useState<string>();
  const look = (): void => {
    lookAround().then(setFound, () => {
      // Most likely the relay has another version of the page by now; nothing is lost until a reload.
      void whyBroken();
    });
  };
  useEffect(() => {
    const gone = new AbortController();
    watchSends(look, gone.signal).catch(() => look());
    return () => gone.abort();
  }, []);
  const doing = (done: Promise<unknown>): void => {
    done.then(look, (error: unknown) => {
      setProblem(thrownText(error));
      look();
    });
  };
  if (found === undefined || found.receives.length + found.sends.length === 0) return null;
  const { rooms } = found;
  return (
    <section class="card" aria-labelledby="unfinished-title">
      <h2 id="unfinished-title">Go on?</h2>
      {problem !== undefined && <Alert>{problem}</Alert>}
      <ul class="items" aria-label="Unfinished transfers">
        {found.receives.slice(0, ROWS_MOST).map((receive) => (
          <Row
            key={receive.share}
            icon="down"
            name={nameOfAll(receive.offer.files.map(({ path }) => path))}
            about={`receiving, ${size(receive.offer.bytes)}, begun ${begun(receive.since)}`}
            onGoOn={() => doing(goOnReceiving(receive))}
            onForget={() => doing(rooms.receives.forgetReceive(receive))}
          />
        ))}
        {found.sends.slice(0, ROWS_MOST).map((unfinished) => (
          <SendRow
            key={unfinished.share}
            sends={rooms.sends}
            unfinished={unfinished}
            onForget={() => doing(rooms.sends.forget(unfinished.share))}
            onProblem={setProblem}
            onGone={look}
          />
        ))}
      </ul>
    </section>
  );
}

async function lookAround(): Promise<Found> {
  const rooms = await loadRooms();
  const [receives, sends] = await Promise.all([
    rooms.receives.unfinishedReceives(),
    rooms.sends.list(),
  ]);
  return { rooms, receives, sends };
}

/**
 * Looks now, and again whenever a send of another tab has ended. A browser may keep a page that was left
 * for a moment, and its send counts as running until then.
 */
async function watchSends(look: () => void, signal: AbortSignal): Promise<void> {
  const { sends } = await loadRooms();
  while (!signal.aborted) {
    const running = await sends.running();
    look();
    if (running.length === 0) return;
    await sends.oneEnds(running, signal);
  }
}

/** `today 12:30`, `28 Nov 12:30`, as the browser writes it. */
function begun(since: number): string {
  const at = new Date(since);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === new Date().toDateString()) return `today ${time}`;
  return `${at.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

interface RowProps {
  readonly icon: "up" | "down";
  readonly name: string;
  readonly about: string;
  readonly onGoOn: () => void;
  readonly onForget: () => void;
}

function Row({ icon, name, about, onGoOn, onForget }: RowProps): JSX.Element {
  return (
    <li class="item wrapping">
      <Icon name={icon} />
      <span class="item-name">
        <Name text={name} />
        <span class="item-size">{about}</span>
      </span>
      <span class="row">
        <button
          type="button"
          class="main"
          aria-label={`Go on with ${shown(name)}`}
          onClick={onGoOn}
        >
          Go on
        </button>
        <button type="button" aria-label={`Forget ${shown(name)}`} onClick={onForget}>
          Forget
        </button>
      </span>
    </li>
  );
}

interface SendRowProps {
  readonly sends: UnfinishedSends;
  readonly unfinished: UnfinishedSend;
  readonly onForget: () => void;
  readonly onProblem: (problem: string) => void;
  readonly onGone: () => void;
}

/** Where the browser kept no access to the files, the person chooses them once more. */
function SendRow({ sends, unfinished, onForget, onProblem, onGone }: SendRowProps): JSX.Element {
  const { share, kind, name, files, bytes, since } = unfinished;
  const [wish, setWish] = useState<Extract<Reopened, { is: "choose" }>>();
  const input = useRef<HTMLInputElement>(null);
  const isFolder = wish?.folder === true;
  useEffect(() => {
    input.current?.toggleAttribute("webkitdirectory", isFolder);
  }, [isFolder, wish]);
  const answer = (reopening: Promise<Reopened>): void => {
    reopening.then(
      (reopened) => {
        if (reopened.is === "ready") send(reopened.send);
        else if (reopened.is === "choose") setWish(reopened);
        else onGone();
      },
      (error: unknown) => onProblem(thrownText(error)),
    );
  };
  const about = kind === "text" ? size(bytes) : `${count(files, "file", "files")}, ${size(bytes)}`;
  return (
    <>
      <Row
        icon="up"
        name={kind === "text" ? "A text" : name}
        about={`sending, ${about}, begun ${begun(since)}`}
        onGoOn={() => answer(sends.reopen(share))}
        onForget={onForget}
      />
      {wish !== undefined && (
        <li class="item">
          <Note kind="warn">
            <p role="alert">{wish.sentence}</p>
            <button type="button" onClick={() => input.current?.click()}>
              {isFolder ? "Choose the folder again" : "Choose the files again"}
            </button>
            <input
              ref={input}
              type="file"
              multiple
              hidden
              aria-label="Files of before"
              onChange={({ currentTarget }) => {
                answer(sends.choose(share, filesOfInput(currentTarget.files ?? [])));
              }}
            />
          </Note>
        </li>
      )}
    </>
  );
}
