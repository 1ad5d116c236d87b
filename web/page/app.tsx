/** The frame of all screens. */
import type { JSX } from "preact";

import { LOBBY_CODE } from "../../protocol/code/code.ts";
import { codeMeanwhile, goHome, isOccupied, reloadPage, screen, type Screen } from "./app-state.ts";
import { HomeScreen } from "./home-screen.tsx";
import { Icon, Logo } from "./icons.tsx";
import { LobbyScreen } from "./lobby-screen.tsx";
import { openCode } from "./open-code.ts";
import { isOld, OLD_PAGE } from "./page-age.ts";
import { ReceiveScreen } from "./receive-screen.tsx";
import { SendScreen } from "./send-screen.tsx";

export function App(): JSX.Element {
  return (
    <div class="page">
      <header class="top">
        <button type="button" class="brand" onClick={leave}>
          <Logo />
          <span>fileshare</span>
        </button>
      </header>
      {!globalThis.isSecureContext && <Unencrypted />}
      <main>
        <Old />
        <Meanwhile />
        <CurrentScreen now={screen.value} />
      </main>
      <footer>
        <p>{footerOf(screen.value)}</p>
      </footer>
    </div>
  );
}

/** The lobby is the one place where the relay reads the files. */
function footerOf(now: Screen): string {
  const isLobby =
    now.at === "lobby" ||
    (now.at === "receive" && now.run.wish.lobby) ||
    (now.at === "send" && now.run.wish.code === LOBBY_CODE);
  return isLobby
    ? "Files of the lobby are not encrypted. The relay can read them."
    : "Your files are encrypted in this browser. The relay passes them on, and cannot read them.";
}

function CurrentScreen({ now }: { readonly now: Screen }): JSX.Element {
  switch (now.at) {
    case "home":
      return <HomeScreen isReturn={now.isReturn} />;
    case "receive":
      return <ReceiveScreen key={now.run} run={now.run} />;
    case "send":
      return <SendScreen key={now.run} run={now.run} />;
    case "lobby":
      return <LobbyScreen key={now.run} run={now.run} />;
  }
}

/** The way home ends a transfer, so the person is asked where one is under way. */
function leave(): void {
  const isAgreed = !isOccupied(screen.peek()) || confirm("Stop the transfer of this page?");
  if (isAgreed) goHome();
}

function Unencrypted(): JSX.Element {
  return (
    <aside class="note warn wide-note" aria-label="Unencrypted connection">
      <Icon name="warning" />
      <div>
        <p>
          <strong>This page came over an unencrypted connection.</strong> Others in this network
          could have changed it.
        </p>
        <details>
          <summary>More about this</summary>
          <p>
            The files themselves are encrypted with the code. A changed page could still send the
            code or the files elsewhere. In a network that you trust, this is as safe as the
            network. For secrets, use https or the terminal.
          </p>
        </details>
      </div>
    </aside>
  );
}

function Old(): JSX.Element | null {
  if (!isOld.value) return null;
  return (
    <section class="card" aria-label="Another version">
      <p role="alert">{OLD_PAGE}</p>
      <div class="row">
        <button type="button" class="main" onClick={reloadPage}>
          Reload
        </button>
      </div>
    </section>
  );
}

function Meanwhile(): JSX.Element | null {
  const code = codeMeanwhile.value;
  if (code === undefined) return null;
  const answer = (isAgreed: boolean): void => {
    codeMeanwhile.value = undefined;
    if (isAgreed) openCode(code);
  };
  return (
    <section class="card" aria-label="Another code">
      <p role="alert">Another code was opened while this transfer is under way.</p>
      <div class="row">
        <button type="button" onClick={() => answer(true)}>
          Stop this transfer and receive that
        </button>
        <button type="button" class="main" onClick={() => answer(false)}>
          Go on with this
        </button>
      </div>
    </section>
  );
}
