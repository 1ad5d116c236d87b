/** The list of files that the lobby offers now, kept up to date by a worker. */
import { signal, type ReadonlySignal } from "@preact/signals";

import type { LobbyCommand, LobbyEvent, LobbyShare } from "../job/lobby-messages.ts";
import { pageMessage } from "../client/fault-texts.ts";
import { relayAddress } from "../browser/page-addresses.ts";
import { PageWorker } from "./page-worker.ts";

export type LobbyState =
  | { readonly at: "connecting"; readonly message?: string | undefined }
  | {
      readonly at: "listed";
      readonly shares: readonly LobbyShare[];
      readonly online: boolean;
      readonly message?: string | undefined;
    }
  | { readonly at: "ended"; readonly message: string; readonly wantsToken: boolean };

export function lobbyStep(state: LobbyState, event: LobbyEvent): LobbyState {
  if (state.at === "ended") return state;
  switch (event.t) {
    case "lobby":
      return { at: "listed", shares: event.shares, online: true };
    case "link": {
      const message = event.online ? undefined : event.message;
      if (state.at === "connecting") return { at: "connecting", message };
      return { ...state, online: event.online, message };
    }
    case "end": {
      const message = event.message ?? "The list of the lobby ended. Open the lobby again.";
      return { at: "ended", message, wantsToken: event.fault === "not-allowed" };
    }
  }
}

export class LobbyRun {
  readonly #worker: PageWorker<LobbyCommand, LobbyEvent>;
  readonly #state = signal<LobbyState>({ at: "connecting" });

  constructor(token: string | undefined) {
    this.#worker = new PageWorker("fileshare lobby", {
      onEvent: (event) => this.#event(event),
      onBroken: (why) => this.#event({ t: "end", message: why ?? pageMessage("internal") }),
    });
    this.#worker.post({ t: "lobby-list", relay: relayAddress(), token });
  }

  get state(): ReadonlySignal<LobbyState> {
    return this.#state;
  }

  stop(): void {
    this.#worker.post({ t: "stop" });
    this.#worker.end();
  }

  #event(event: LobbyEvent): void {
    this.#state.value = lobbyStep(this.#state.peek(), event);
  }
}
