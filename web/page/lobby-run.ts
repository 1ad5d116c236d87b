/** The list of files that the lobby offers now, kept up to date by a worker. */
import { signal, type ReadonlySignal } from "@preact/signals";

import type { LobbyCommand, LobbyEvent, LobbyShare } from "../job/lobby-messages.ts";
import { pageMessage } from "../client/fault-texts.ts";
import { whyBroken } from "./page-age.ts";
import { relayAddress, workerAddress } from "../browser/page-addresses.ts";

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
  readonly #worker: Worker;
  readonly #state = signal<LobbyState>({ at: "connecting" });

  constructor(token: string | undefined) {
    this.#worker = new Worker(workerAddress(), { type: "module", name: "fileshare lobby" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<LobbyEvent>) => {
      this.#state.value = lobbyStep(this.#state.peek(), data);
    });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      void whyBroken().then((why) => {
        const end: LobbyEvent = { t: "end", message: why ?? pageMessage("internal") };
        this.#state.value = lobbyStep(this.#state.peek(), end);
      });
    });
    this.#post({ t: "lobby-list", relay: relayAddress(), token });
  }

  get state(): ReadonlySignal<LobbyState> {
    return this.#state;
  }

  stop(): void {
    this.#post({ t: "stop" });
    this.#worker.terminate();
  }

  #post(command: LobbyCommand): void {
    this.#worker.postMessage(command);
  }
}
