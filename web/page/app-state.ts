/** The screen of the page, and what all screens share: the token, the name, a code that came meanwhile. */
import { signal } from "@preact/signals";

import type { ReceiveJob } from "../job/receive-messages.ts";
import type { ChosenFile } from "../job/send-messages.ts";
import { StoredSends, type StoredSend } from "../browser/stored-sends.ts";
import { theStore } from "../browser/store.ts";
import type { StoreOffer } from "../job/store-messages.ts";
import type { UnfinishedReceive } from "../save/saver.ts";
import { deviceName } from "./device-name.ts";
import { LobbyRun } from "./lobby-run.ts";
import { ReceiveRun } from "./receive-run.ts";
import { isBusy } from "./receive-state.ts";
import { saving } from "./saving.ts";
import { SendRun, type SendWish } from "./send-run.ts";
import { askStore } from "./store-run.ts";

export type Screen =
  /** `isReturn`: from another screen, so that the focus follows. */
  | { readonly at: "home"; readonly isReturn: boolean }
  | { readonly at: "receive"; readonly run: ReceiveRun }
  | { readonly at: "send"; readonly run: SendRun }
  | { readonly at: "lobby"; readonly run: LobbyRun };

export const screen = signal<Screen>({ at: "home", isReturn: false });

/** The text of the field `Code`: typed, or of a link that has no code. */
export const codeText = signal("");
/** Why that text is no code; undefined: it is one, or it was not handed in yet. */
export const codeProblem = signal<string | undefined>(undefined);
/** A code that came by a link while something else was under way. */
export const codeMeanwhile = signal<string | undefined>(undefined);

/** Files or a text that another app shared with this one; the form that sends takes them. */
export interface Given {
  readonly files: readonly ChosenFile[];
  readonly text: string | undefined;
}

export const given = signal<Given | undefined>(undefined);

const TOKEN_KEY = "fileshare token";
const NAME_KEY = "fileshare name";

/** Storage may be forbidden; then a token lasts as long as the page. */
function stored(storage: () => Storage, key: string): string | undefined {
  try {
    const value = storage().getItem(key);
    return value === "" || value === null ? undefined : value;
  } catch {
    return undefined;
  }
}

function store(storage: () => Storage, key: string, value: string): void {
  try {
    storage().setItem(key, value);
  } catch {
    // It stays in the page.
  }
}

/** The relay's token of this tab. */
let token: string | undefined = stored(() => sessionStorage, TOKEN_KEY);
let name: string | undefined = stored(() => localStorage, NAME_KEY);

export function setToken(given: string): void {
  token = given.trim() === "" ? undefined : given.trim();
  store(() => sessionStorage, TOKEN_KEY, token ?? "");
}

/** How senders see this receiver. */
export function receiverName(): string {
  return name === undefined || name === "" ? deviceName(navigator.userAgent) : name;
}

export function setName(given: string): void {
  name = given.trim();
  store(() => localStorage, NAME_KEY, name);
}

interface ReceiveRequest {
  readonly code: string;
  readonly lobby: boolean;
  readonly resume?: ReceiveJob["resume"];
}

export function receive({ code, lobby, resume }: ReceiveRequest): void {
  leave();
  const wish = { code, lobby, name: receiverName(), token, resume };
  screen.value = { at: "receive", run: new ReceiveRun(wish, saving) };
}

/**
 * Goes on with what is on the disk already. To be called in a click: the browser may ask again.
 * @throws FaultError (rejects)
 */
export async function goOnReceiving(before: UnfinishedReceive): Promise<void> {
  const { reopenSaver } = await import("../save/saving.ts");
  const saver = await reopenSaver(before);
  leave();
  const { share, receiver, code, offer } = before;
  const wish = {
    code,
    lobby: false,
    name: receiverName(),
    token,
    resume: { share, receiver },
  };
  screen.value = { at: "receive", run: new ReceiveRun(wish, saving, { saver, offer }) };
}

/** The same receive once more. Where a part of it is on the disk, the page goes on with that. */
export async function receiveAgain({ wish, share }: ReceiveRun): Promise<void> {
  try {
    const { unfinishedReceives } = await import("../save/saving.ts");
    const kept = (await unfinishedReceives()).find((before) => before.share === share);
    if (kept !== undefined) return await goOnReceiving(kept);
  } catch {
    // The browser gives no access to it any more: the person chooses a place anew.
  }
  receive({ code: wish.code, lobby: wish.lobby });
}

export function send(wish: SendWish): void {
  leave();
  screen.value = { at: "send", run: new SendRun({ ...wish, token }) };
}

/** The terms on which the relay lets this page store; undefined: it does not. */
export async function mayStore(): Promise<StoreOffer | undefined> {
  const answer = await askStore({ token });
  return answer.t === "may-store" ? answer.store : undefined;
}

/** Deletes a share at its relay, and forgets it. @returns why it could not, as a sentence */
export async function deleteStored(send: StoredSend): Promise<string | undefined> {
  const { share, proof, relay } = send;
  const answer = await askStore({ relay, token, revoke: { share, proof } });
  if (answer.t === "failed") return answer.message;
  await new StoredSends(theStore()).forget(share).catch(() => undefined);
  return undefined;
}

export function openLobby(): void {
  leave();
  screen.value = { at: "lobby", run: new LobbyRun(token) };
}

export function goHome(): void {
  const isReturn = screen.peek().at !== "home";
  leave();
  screen.value = { at: "home", isReturn };
}

/** Loads the page anew. A code that was being received goes on there, as if its link were opened again. */
export function reloadPage(): void {
  const now = screen.peek();
  if (now.at === "receive" && !now.run.wish.lobby) {
    history.replaceState(null, "", `#${encodeURIComponent(now.run.wish.code)}`);
  }
  location.reload();
}

/** Ends the transfer of the screen, if it has one. */
function leave(): void {
  const now = screen.peek();
  if (now.at !== "home") now.run.stop();
}

/** Whether another code has to wait: a transfer is under way. */
export function isOccupied(now: Screen): boolean {
  if (now.at === "receive") return isBusy(now.run.state.peek());
  return now.at === "send" && now.run.state.peek().step.at !== "ended";
}
