/** The receivers of a send, and those that ask to be admitted. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { pageOf, ROWS_FIRST } from "./list-pages.ts";
import { Pages } from "./long-list.tsx";
import { Name } from "./parts.tsx";
import { RECEIVER_WORDS, type ShownReceiver } from "./receiver-rows.ts";
import type { RowsSeen } from "./send-run.ts";
import { count, shown, size } from "./words.ts";

interface ReceiverTableProps {
  readonly seen: RowsSeen;
  readonly isHeld: boolean;
}

export function ReceiverTable({ seen: { rows }, isHeld }: ReceiverTableProps): JSX.Element {
  const [asked, setAsked] = useState(0);
  const { all, verified } = rows.counts;
  const { page, pages, from, to } = pageOf(rows.length, rows.length > ROWS_FIRST, asked);
  const caption = `${count(all, "receiver", "receivers")}, ${verified} with everything`;
  return (
    <section class="card" aria-labelledby="receivers-title">
      <h2 id="receivers-title">Receivers</h2>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Progress
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(from, to, isHeld, performance.now()).map((receiver) => (
            <Row key={receiver.id} receiver={receiver} />
          ))}
        </tbody>
      </table>
      {pages > 1 && <Pages label="Receivers" page={page} pages={pages} onPage={setAsked} />}
    </section>
  );
}

function Row({ receiver }: { readonly receiver: ShownReceiver }): JSX.Element {
  const { name, word, percent, rate } = receiver;
  return (
    <tr class={`is-${word.replace(" ", "-")}`}>
      <th scope="row">
        <Name text={name} />
      </th>
      <td>{RECEIVER_WORDS[word]}</td>
      <td class="number">
        {percent} %
        {rate !== undefined && <span class="item-size rate">{size(Math.round(rate))}/s</span>}
      </td>
    </tr>
  );
}

/** Questions on the screen at once; the next ones follow the answers. */
const ASKING_MOST = 20;

interface AskingProps {
  readonly seen: RowsSeen;
  readonly onAnswer: (id: string, admit: boolean) => void;
}

export function Asking({ seen: { rows }, onAnswer }: AskingProps): JSX.Element | null {
  const asking = rows.asking;
  if (asking.length === 0) return null;
  const more = asking.length - ASKING_MOST;
  return (
    <section class="card asking" aria-labelledby="asking-title" role="region" aria-live="polite">
      <h2 id="asking-title">{count(asking.length, "receiver asks", "receivers ask")}</h2>
      <ul class="items">
        {asking.slice(0, ASKING_MOST).map(({ id, name }) => (
          <li key={id} class="item">
            <span class="item-name">
              <Name text={name} />
            </span>
            <button
              type="button"
              class="main"
              aria-label={`Admit ${shown(name)}`}
              onClick={() => onAnswer(id, true)}
            >
              Admit
            </button>
            <button
              type="button"
              aria-label={`Refuse ${shown(name)}`}
              onClick={() => onAnswer(id, false)}
            >
              Refuse
            </button>
          </li>
        ))}
      </ul>
      {more > 0 && <p class="hint">and {more} more after these</p>}
    </section>
  );
}
