/** The first screen: receive, send, and the way to the lobby. */
import type { JSX } from "preact";

import { LOBBY_CODE } from "../../protocol/code/code.ts";
import { codeProblem, codeText, openLobby, receive, send } from "./app-state.ts";
import { entryOf } from "./code-entry.ts";
import { CodeField } from "./code-field.tsx";
import { Icon } from "./icons.tsx";
import { NameField } from "./name-field.tsx";
import { ownAddresses } from "./open-code.ts";
import { Heading } from "./parts.tsx";
import { SendForm } from "./send-form.tsx";
import { StoredList } from "./stored-list.tsx";
import { UnfinishedList } from "./unfinished-list.tsx";

const TITLE = "Send files to one or many, encrypted end to end";

export function HomeScreen({ isReturn }: { readonly isReturn: boolean }): JSX.Element {
  return (
    <>
      {isReturn ? <Heading level={1}>{TITLE}</Heading> : <h1>{TITLE}</h1>}
      <UnfinishedList />
      <StoredList />
      <ReceiveForm />
      <section class="card" aria-labelledby="send-title">
        <h2 id="send-title">Send</h2>
        <SendForm onSend={send} />
      </section>
      <LobbyLink />
    </>
  );
}

function ReceiveForm(): JSX.Element {
  const submit = (event: Event): void => {
    event.preventDefault();
    const entry = entryOf(codeText.peek(), ownAddresses());
    switch (entry.is) {
      case "problem":
        codeProblem.value = entry.sentence;
        document.querySelector<HTMLElement>("#code")?.focus();
        return;
      case "lobby":
        codeText.value = "";
        return receive({ code: LOBBY_CODE, lobby: true });
      case "code":
        codeText.value = "";
        return receive({ code: entry.code, lobby: false });
    }
  };
  return (
    <section class="card" aria-labelledby="receive-title">
      <h2 id="receive-title">Receive</h2>
      <form class="receive" onSubmit={submit} noValidate>
        <CodeField
          text={codeText.value}
          problem={codeProblem.value}
          onText={(text) => {
            codeText.value = text;
            codeProblem.value = undefined;
          }}
        />
        <button type="submit" class="main">
          Receive
        </button>
      </form>
      <NameField />
    </section>
  );
}

function LobbyLink(): JSX.Element {
  return (
    <p class="lobby-link">
      <button type="button" class="quiet" onClick={openLobby}>
        <Icon name="lobby" />
        Open the lobby
      </button>
      <span>Public files of this relay, not encrypted</span>
    </p>
  );
}
