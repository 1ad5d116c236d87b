/** A send: its code, its receivers, and how far it is. */
import type { ComponentChildren, JSX } from "preact";

import { isLobby, type Code } from "../../protocol/code/code.ts";
import { goHome, send } from "./app-state.ts";
import { CodeCard } from "./code-card.tsx";
import { Icon } from "./icons.tsx";
import { Alert, Announcer, Heading, Note, Progress, Waiting } from "./parts.tsx";
import { Asking, ReceiverTable } from "./receiver-table.tsx";
import type { SendRun } from "./send-run.ts";
import type { SendState, SendStep } from "./send-state.ts";
import { TokenForm } from "./token-form.tsx";
import { count, size, storedText } from "./words.ts";

export function SendScreen({ run }: { readonly run: SendRun }): JSX.Element {
  const state = run.state.value;
  const { step } = state;
  const { rows } = run.rows.value;
  const { all, verified } = rows.counts;
  const progress = all === 0 ? undefined : `${verified} of ${all} receivers have everything`;
  return (
    <>
      <Heading level={1}>Send</Heading>
      <Announcer step={sentenceOf(state)} progress={progress} />
      {step.at === "ended" ? (
        <Ended run={run} state={state} step={step} />
      ) : (
        <Live run={run} state={state} />
      )}
      {all > 0 && <ReceiverTable seen={run.rows.value} isHeld={isHeld(state)} />}
    </>
  );
}

function isHeld({ gate }: SendState): boolean {
  return gate !== undefined && !gate.open;
}

function sentenceOf({ step, link, gate }: SendState): string {
  switch (step.at) {
    case "preparing":
      return link.message ?? "The page prepares the share.";
    case "offering":
      return link.message ?? "The page offers the share at the relay.";
    case "offered":
      if (!link.online) return link.message ?? "The connection is lost. The page connects again.";
      if (step.share.toStore) {
        return "The relay stores it. Keep this page open until then; receivers can take it already.";
      }
      if (gate !== undefined && !gate.open) {
        return `${gate.agreed} of ${count(gate.wanted, "receiver is", "receivers are")} ready. It starts by itself.`;
      }
      return "Receivers can take it now. Keep this page open.";
    case "ended":
      return "";
  }
}

function Live({ run, state }: { readonly run: SendRun; readonly state: SendState }): JSX.Element {
  const { step, link, bytes, size: whole, samples } = state;
  const share = step.at === "offering" || step.at === "offered" ? step.share : undefined;
  const isThrough = link.online && step.at === "offered" && !isHeld(state);
  return (
    <>
      {share !== undefined && <CodeCard code={share.code} isLobby={isLobby(share.code as Code)} />}
      <Asking seen={run.rows.value} onAnswer={(id, admit) => run.admit(id, admit)} />
      <section class="card" aria-label="State">
        {isThrough ? (
          <p class="good">{sentenceOf(state)}</p>
        ) : (
          <Waiting>{sentenceOf(state)}</Waiting>
        )}
        {state.wantsToken && <TokenForm onToken={() => send(run.wish)} />}
        {share !== undefined && (
          <p class="hint">
            {run.wish.content.kind === "text"
              ? `A text, ${size(share.bytes)}`
              : `${count(share.files, "file", "files")}, ${size(share.bytes)}`}
          </p>
        )}
        {bytes > 0 && (
          <Progress label="Uploaded" isNamed bytes={bytes} size={whole} samples={samples} />
        )}
        {share?.toStore === true && (
          <Progress label="Stored" isNamed bytes={state.storedBytes} size={whole} samples={[]} />
        )}
        <div class="row">
          <button type="button" onClick={() => run.stop()}>
            Stop
          </button>
        </div>
      </section>
    </>
  );
}

function Ended({
  run,
  state: { stored },
  step,
}: {
  readonly run: SendRun;
  readonly state: SendState;
  readonly step: Extract<SendStep, { at: "ended" }>;
}): JSX.Element {
  const { verified, failed, problem, byPerson } = step;
  const unconfirmed = Math.min(verified, run.rows.value.rows.counts.unconfirmed);
  const confirmed = verified - unconfirmed;
  const isStored = stored !== undefined && problem === undefined;
  const done = isStored ? "Stored" : byPerson ? "Stopped" : "Sent";
  const { share } = step;
  return (
    <>
      {isStored && share !== undefined && <CodeCard code={share.code} isLobby={false} />}
      <section class="card">
        <Heading>{problem !== undefined ? "It did not work" : done}</Heading>
        {isStored && <Good>{storedText(stored)} You can close this page.</Good>}
        {isStored && stored.isKept && (
          <p class="hint">The start of this page lists it, with its link and a way to delete it.</p>
        )}
        {problem !== undefined && <Alert>{problem}</Alert>}
        {confirmed > 0 && (
          <Good>{count(confirmed, "receiver has", "receivers have")} everything, verified.</Good>
        )}
        {unconfirmed > 0 && (
          <Good>
            {count(unconfirmed, "receiver was", "receivers were")} sent everything. A browser's
            download cannot confirm more.
          </Good>
        )}
        {verified === 0 && problem === undefined && !isStored && <p>No receiver has everything.</p>}
        {failed > 0 && (
          <Note kind="warn">
            {count(failed, "receiver does", "receivers do")} not have everything.
          </Note>
        )}
        {run.state.value.wantsToken && <TokenForm onToken={() => send(run.wish)} />}
        <div class="row">
          {!run.state.value.wantsToken && (
            <button type="button" class="main" onClick={() => send(run.wish)}>
              Send it again
            </button>
          )}
          <button type="button" onClick={goHome}>
            Back to the start
          </button>
        </div>
      </section>
    </>
  );
}

function Good({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <p class="good">
      <Icon name="check" />
      <span>{children}</span>
    </p>
  );
}
