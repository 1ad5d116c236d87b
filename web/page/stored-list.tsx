/** Shares that this browser stored at relays: their links, and the way to delete them. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { StoredSends, type StoredSend } from "../browser/stored-sends.ts";
import { relayAddress } from "../browser/page-addresses.ts";
import { theStore } from "../browser/store.ts";
import { shareLink } from "./addresses.ts";
import { deleteStored } from "./app-state.ts";
import { Icon } from "./icons.tsx";
import { Alert, CopyButton, Name } from "./parts.tsx";
import { moment, size } from "./words.ts";

export function StoredList(): JSX.Element | null {
  const [sends, setSends] = useState<readonly StoredSend[]>([]);
  const [problem, setProblem] = useState<string>();
  const look = (): void => {
    const stored = new StoredSends(theStore());
    // Links lead to the relay of this page, so shares at another one are for the page of that.
    const here = (send: StoredSend): boolean => send.relay === relayAddress();
    stored.list().then(
      (all) => setSends(all.filter(here)),
      () => {
        // The browser stores nothing, so it remembers no share.
      },
    );
  };
  useEffect(look, []);
  const remove = (send: StoredSend): void => {
    setProblem(undefined);
    void deleteStored(send).then((why) => {
      setProblem(why);
      look();
    });
  };
  if (sends.length === 0) return null;
  return (
    <section class="card" aria-labelledby="stored-title">
      <h2 id="stored-title">Stored at the relay</h2>
      {problem !== undefined && <Alert>{problem}</Alert>}
      <ul class="items" aria-label="Stored shares">
        {sends.map((send) => (
          <StoredRow key={send.share} send={send} onDelete={() => remove(send)} />
        ))}
      </ul>
    </section>
  );
}

interface StoredRowProps {
  readonly send: StoredSend;
  readonly onDelete: () => void;
}

function StoredRow({ send, onDelete }: StoredRowProps): JSX.Element {
  const [isAsking, setAsking] = useState(false);
  const { name, bytes, until, code } = send;
  return (
    <li class="item wrapping">
      <Icon name={name === "" ? "text" : "up"} />
      <span class="item-name">
        <Name text={name === "" ? "A text" : name} />
        <span class="item-size">{`${size(bytes)}, until ${moment(until)}`}</span>
      </span>
      <span class="row">
        <CopyButton label="Copy link" text={shareLink(code)} />
        {isAsking ? (
          <button type="button" onClick={onDelete}>
            Delete it for all receivers
          </button>
        ) : (
          <button type="button" onClick={() => setAsking(true)}>
            Delete
          </button>
        )}
      </span>
    </li>
  );
}
