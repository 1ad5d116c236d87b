/** The files that the lobby offers now. */
import type { LobbyCommand, LobbyEvent, LobbyJob } from "../job/lobby-messages.ts";

export class LobbyList {
  constructor(_job: LobbyJob, post: (event: LobbyEvent) => void) {
    post({ t: "end" });
  }

  command(_command: LobbyCommand): void {}
}
