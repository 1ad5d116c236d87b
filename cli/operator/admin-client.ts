/**
 * The client of a relay's admin listener, for the commands of its operator. It finds the relay by its ticket or by
 * `--admin`, asks for the overview, and sends actions (kill, ban, unban, leave). An answer is bounded in time and size, and
 * a relay can only answer with the faults in `REFUSALS`: no other code of a fault is believed.
 */
import { request } from "node:http";
import { request as requestTls } from "node:https";

import * as v from "valibot";

import { FaultError } from "../../protocol/wire/faults.ts";
import { ADMIN_PORT } from "../../relay/limits/operator-limits.ts";
import { usage } from "../arguments/command-line.ts";
import { overviewShape, type RelayOverview } from "./overview.ts";
import { findTickets, type Ticket } from "./tickets.ts";

/** It is on this machine or near, and answers what it knows. ms */
const ANSWER_MS = 10_000;
/** Some hundred shares take less. bytes */
const ANSWER_BYTES = 4 * 1024 * 1024;
/** With which a relay answers an operator; any other word of it is no fault of this program. */
const REFUSALS = ["refused-action", "bad-ban", "bad-ban-file", "bad-message"] as const;
const OK = 200;
const ACCEPTED = 202;
const NO_TOKEN = 401;

export interface ManagerValues {
  readonly admin: string | undefined;
  readonly token: string | undefined;
}

export interface Manager {
  /** Of the admin listener. */
  readonly url: string;
  readonly token: string;
  /** Its relay told us where it is: on this machine, whatever name its certificate has. */
  readonly isOurs: boolean;
}

/**
 * The relay that is meant: the one at `--admin`, else the one of this user that runs.
 * @throws FaultError "usage", `no-relay-here`
 */
export function findManager(
  { admin, token }: ManagerValues,
  env: Readonly<Record<string, string | undefined>>,
): Manager {
  const tickets = findTickets(env);
  if (admin !== undefined) {
    const url = addressOf(admin);
    const known = tickets.find((ticket) => ticket.admin === url);
    const with_ = token ?? known?.token;
    if (with_ !== undefined) return { url, token: with_, isOurs: known !== undefined };
    throw usage(
      `the relay at ${url} is not yours or not on this machine; give an admin token in FILESHARE_TOKEN`,
    );
  }
  const [only, ...others] = tickets;
  if (only === undefined) throw new FaultError("no-relay-here");
  if (others.length === 0) return { url: only.admin, token: token ?? only.token, isOurs: true };
  const list = tickets.map(({ admin: at, relay }) => `--admin ${at} (${relay})`).join(", ");
  throw usage(`several relays run here; choose one with ${list}`);
}

/** As `fileshare relay --admin` takes it, or a URL. */
function addressOf(given: string): string {
  const text = /^\d+$/.test(given) ? `127.0.0.1:${given}` : given;
  const isHost = /^(?:\[[^\]]*\]|[^:/?#]+)$/.test(text);
  const place = isHost ? `${text}:${ADMIN_PORT}` : text;
  const url = URL.parse(place.includes("://") ? place : `http://${place}`);
  if (url !== null && ["http:", "https:"].includes(url.protocol) && url.port !== "0") {
    return url.origin;
  }
  throw usage(`--admin takes an address such as 127.0.0.1:8999, not "${given}"`);
}

/** @throws FaultError `no-relay-here`, `not-allowed`, `not-a-relay` */
export async function askOverview(
  manager: Manager,
): Promise<{ readonly overview: RelayOverview; readonly json: object }> {
  const { status, text } = await ask(manager, "GET", "status");
  if (status !== OK) throw new FaultError("not-a-relay", `${manager.url} answers ${status}`);
  const json: unknown = jsonOf(text, manager);
  const { success, output } = v.safeParse(overviewShape, json);
  if (success) return { overview: output, json: json as object };
  throw new FaultError("not-a-relay", `${manager.url} sent an unexpected answer`);
}

const refusalShape = v.object({ code: v.string(), detail: v.optional(v.string()) });

/** Has something done. @throws FaultError also that with which the relay answers */
export async function askFor(manager: Manager, action: string, body: object): Promise<void> {
  const { status, text } = await ask(manager, "POST", action, JSON.stringify(body));
  if (status === OK || status === ACCEPTED) return;
  const { success, output } = v.safeParse(refusalShape, jsonOf(text, manager));
  if (!success) throw new FaultError("not-a-relay", `${manager.url} answers ${status}`);
  const { code, detail } = output;
  const known = REFUSALS.find((each) => each === code);
  throw new FaultError(known ?? "refused-action", detail);
}

/** Asks relays of ours that drain to leave that port to us. @returns whether one did */
export async function takeOverAdmin(
  port: number,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  for (const { admin, token } of findTickets(env)) {
    if (new URL(admin).port !== `${port}`) continue;
    try {
      await askFor({ url: admin, token, isOurs: true }, "leave", {});
      return true;
    } catch (error) {
      // It does not drain, or is just gone.
      if (!(error instanceof FaultError)) throw error;
    }
  }
  return false;
}

function jsonOf(text: string, { url }: Manager): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FaultError("not-a-relay", `${url} sent no JSON`);
  }
}

/** Not `fetch`, which would go through the proxy of the environment to this very machine. */
function ask(
  { url, token, isOurs }: Manager,
  method: string,
  what: string,
  body = "",
): Promise<{ readonly status: number; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const unreachable = (cause?: unknown): void =>
    reject(new FaultError("no-relay-here", url, { cause }));
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const options = { method, headers, timeout: ANSWER_MS, rejectUnauthorized: !isOurs };
  const start = url.startsWith("https:") ? requestTls : request;
  const asking = start(`${url}/api/${what}`, options, (response) => {
    const parts: Buffer[] = [];
    let length = 0;
    response.on("data", (part: Buffer) => {
      length += part.length;
      parts.push(part);
      if (length > ANSWER_BYTES) asking.destroy();
    });
    response.on("error", unreachable);
    response.on("end", () => {
      const status = response.statusCode ?? 0;
      if (status === NO_TOKEN)
        reject(new FaultError("not-allowed", "the token does not have the role admin"));
      else resolve({ status, text: Buffer.concat(parts).toString() });
    });
    response.on("close", unreachable);
  });
  asking.on("timeout", () => asking.destroy());
  asking.on("error", unreachable);
  asking.end(body);
  return promise;
}

/** The link of the page; behind # a token is told to no server. */
export function pageLink({ url, token }: Pick<Ticket, "token"> & { readonly url: string }): string {
  return `${url}/#token=${encodeURIComponent(token)}`;
}
