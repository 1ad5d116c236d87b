/** A receive, from the code to what was saved. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";

import { goHome, receive, receiveAgain } from "./app-state.ts";
import { mayTryAgain } from "./fault-text.ts";
import { FinishedCard } from "./finished-card.tsx";
import { Icon } from "./icons.tsx";
import { headOf, OfferCard } from "./offer-card.tsx";
import { NameField } from "./name-field.tsx";
import { Alert, Announcer, Heading, Name, Note, Progress, tenth, Waiting } from "./parts.tsx";
import type { ReceiveRun } from "./receive-run.ts";
import { isUnderWay, type ReceiveState, type ReceiveStep } from "./receive-state.ts";
import { TokenForm } from "./token-form.tsx";
import { nameOfAll } from "./words.ts";

export function ReceiveScreen({ run }: { readonly run: ReceiveRun }): JSX.Element {
  const state = run.state.value;
  const { step } = state;
  const progress = step.at === "transferring" ? tenth(step.bytes, step.size) : undefined;
  return (
    <>
      <Heading level={1}>{state.lobby ? "Receive from the lobby" : "Receive"}</Heading>
      <Announcer step={sentenceOf(state)} progress={progress} />
      <Step run={run} state={state} />
      {state.before.map((finished, i) => (
        <FinishedCard key={state.before.length - i} finished={finished} isNews={false} />
      ))}
    </>
  );
}

/** How it is, in words. Steps with a screen of their own say it there. */
function sentenceOf(state: ReceiveState): string {
  const { step, link, senderHere } = state;
  switch (step.at) {
    case "deriving":
      return "The page prepares the code.";
    case "connecting":
      return link.message ?? "The page connects to the relay.";
    case "waiting":
      if (!link.online && link.message !== undefined) return link.message;
      if (step.edition) return "The sender's files changed. The page waits for the new offer.";
      return state.lobby
        ? "The page waits for files in the lobby."
        : "The page waits for a share with this code. Leave it open; it goes on by itself.";
    case "unadmitted":
      return "The sender has to admit you first.";
    case "transferring":
      if (!link.online) return link.message ?? "The connection is lost. The page connects again.";
      if (senderHere === false) return "The sender is away. The page waits for it.";
      return "The transfer is under way.";
    case "saving":
      return "The page finishes saving.";
    case "offer":
    case "placing":
    case "done":
    case "failed":
    case "stopped":
      return "";
  }
}

function Step({
  run,
  state,
}: {
  readonly run: ReceiveRun;
  readonly state: ReceiveState;
}): JSX.Element {
  const { step } = state;
  switch (step.at) {
    case "deriving":
    case "connecting":
    case "waiting":
    case "unadmitted":
      return (
        <section class="card">
          <Waiting>{sentenceOf(state)}</Waiting>
          {state.problem !== undefined && <Note kind="warn">{state.problem}</Note>}
          {state.isElsewhere && <Elsewhere run={run} />}
          {state.wantsToken && <TokenForm onToken={() => receive(run.wish)} />}
          <StopRow run={run} />
          <RenameRow run={run} />
        </section>
      );
    case "offer":
    case "placing":
      return (
        <OfferCard
          offer={step.offer}
          naming={step.at === "offer" && <RenameRow run={run} />}
          choices={run.choices.value}
          notice={step.at === "offer" ? (step.notice ?? awayNotice(state)) : undefined}
          isPlacing={step.at === "placing"}
          isSettling={step.at === "offer" && step.settling === true}
          onSave={(choice) => void run.save(choice)}
          onShow={() => run.show()}
          onDecline={() => {
            run.decline();
            if (!state.lobby) goHome();
          }}
        />
      );
    case "transferring":
    case "saving":
      return <Transfer run={run} state={state} step={step} />;
    case "done":
      return (
        <>
          <FinishedCard finished={step} isNews />
          <HomeRow />
        </>
      );
    case "failed":
      return (
        <section class="card">
          <Heading>It did not work</Heading>
          <Alert>{step.message}</Alert>
          {state.wantsToken && <TokenForm onToken={() => receive(run.wish)} />}
          <AgainRow run={run} mayAgain={!state.wantsToken && mayTryAgain(step.fault)} />
        </section>
      );
    case "stopped":
      return (
        <section class="card">
          <Heading>Stopped</Heading>
          <p>You stopped this receive. No incomplete file has the name of the whole one.</p>
          <AgainRow run={run} mayAgain />
        </section>
      );
  }
}

/** A transfer that begins at once takes less. ms */
const HELD_MS = 1500;

/** Whether something has been so for that long. */
function useLate(isSo: boolean, ms: number): boolean {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (!isSo) return;
    const timer = setTimeout(() => setLate(true), ms);
    return () => clearTimeout(timer);
  }, [isSo, ms]);
  return isSo && isLate;
}

/** The part on the disk stays, and a later offer of the same share may still go on with it. */
function Elsewhere({ run }: { readonly run: ReceiveRun }): JSX.Element {
  return (
    <Note kind="warn">
      <p role="alert">
        This transfer is not offered any more. Its sender may have stopped it, or changed the files.
        Something else is offered under the same code.
      </p>
      <button type="button" onClick={() => receive({ code: run.wish.code, lobby: false })}>
        Receive what is offered now
      </button>
    </Note>
  );
}

function Transfer({
  run,
  state,
  step,
}: {
  readonly run: ReceiveRun;
  readonly state: ReceiveState;
  readonly step: Extract<ReceiveStep, { at: "transferring" | "saving" }>;
}): JSX.Element {
  const { offer } = step;
  const name = useMemo(() => nameOfAll(offer.files.map(({ path }) => path)), [offer]);
  const isStuck = step.at === "transferring" && (!state.link.online || state.senderHere === false);
  const isHeld = useLate(step.at === "transferring" && step.bytes === 0, HELD_MS);
  return (
    <section class="card">
      <Heading>{offer.kind === "text" ? headOf(offer) : <Name text={name} />}</Heading>
      {step.at === "transferring" ? (
        <Progress label="Received" bytes={step.bytes} size={step.size} samples={step.samples} />
      ) : (
        <Progress label="Received" bytes={offer.bytes} size={offer.bytes} samples={[]} />
      )}
      {isStuck || step.at === "saving" ? (
        <Waiting>{sentenceOf(state)}</Waiting>
      ) : isHeld ? (
        <Waiting>You are ready. The sender may wait for more receivers before it starts.</Waiting>
      ) : (
        step.choice !== undefined && <p class="hint">{step.choice.note}</p>
      )}
      <StopRow run={run} />
    </section>
  );
}

function awayNotice({ senderHere }: ReceiveState): string | undefined {
  if (senderHere !== false) return undefined;
  return "The sender is away. You can agree now; it goes on when the sender is back.";
}

/** A person with a link has not seen the field on the first screen. A receive that goes on keeps its name. */
function RenameRow({ run }: { readonly run: ReceiveRun }): JSX.Element | null {
  const { wish } = run;
  if (wish.resume !== undefined) return null;
  return <NameField onRename={() => receive(wish)} />;
}

function StopRow({ run }: { readonly run: ReceiveRun }): JSX.Element {
  const stop = (): void => {
    const isBegun = isUnderWay(run.state.peek().step);
    if (isBegun) run.stop();
    else goHome();
  };
  return (
    <div class="row">
      <button type="button" onClick={stop}>
        Stop
      </button>
    </div>
  );
}

function AgainRow({
  run,
  mayAgain,
}: {
  readonly run: ReceiveRun;
  readonly mayAgain: boolean;
}): JSX.Element {
  return (
    <div class="row">
      {mayAgain && (
        <button type="button" class="main" onClick={() => void receiveAgain(run)}>
          Try again
        </button>
      )}
      <button type="button" onClick={goHome}>
        Back to the start
      </button>
    </div>
  );
}

function HomeRow(): JSX.Element {
  return (
    <div class="row">
      <button type="button" onClick={goHome}>
        <Icon name="down" />
        Send or receive more
      </button>
    </div>
  );
}
