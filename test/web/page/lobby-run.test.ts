/** The list of the lobby on the screen, by the events of its worker. */
import { expect, test } from "bun:test";

import type { LobbyEvent, LobbyShare } from "../../../web/job/lobby-messages.ts";
import { lobbyStep, type LobbyState } from "../../../web/page/lobby-run.ts";

const share: LobbyShare = { share: "aa", kind: "files", files: [], more: 1, bytes: 1, open: false };

function after(...events: readonly LobbyEvent[]): LobbyState {
  return events.reduce<LobbyState>(lobbyStep, { at: "connecting" });
}

test("the list stays on the screen while the connection is away", () => {
  const state = after(
    { t: "lobby", shares: [share] },
    { t: "link", online: false, message: "The connection broke." },
  );
  expect(state).toEqual({
    at: "listed",
    shares: [share],
    online: false,
    message: "The connection broke.",
  });
});

test("a relay that cannot be reached is told before there is a list", () => {
  const state = after({ t: "link", online: false, message: "The relay is away." });
  expect(state).toEqual({ at: "connecting", message: "The relay is away." });
});

test("the end names its reason, asks for a token where that is it, and is the end", () => {
  const end: LobbyEvent = { t: "end", fault: "not-allowed", message: "The relay wants a token." };
  const state = after(end, { t: "lobby", shares: [share] });
  expect(state).toEqual({ at: "ended", message: "The relay wants a token.", wantsToken: true });
  expect(after({ t: "end" })).toMatchObject({ at: "ended", wantsToken: false });
});
