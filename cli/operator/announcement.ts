/** The announcement of a relay that starts: its addresses, its certificate, and its need of tokens. */
import { isIPv6 } from "node:net";

import type { ConsolaInstance } from "consola";

import { answers } from "../connection/relay-address.ts";
import { pageLink } from "./admin-client.ts";
import { inUrl, isLoopback, ownAddresses } from "../connection/own-addresses.ts";

const NEEDS: Readonly<Partial<Record<string, string>>> = {
  senders: "Senders need a token",
  closed: "Senders and receivers need a token",
};

interface Listening {
  readonly url: string;
  readonly port: number;
  readonly certificate: { readonly names: readonly string[]; readonly endsAt: number } | undefined;
  readonly admin: { readonly url: string; readonly token: string } | undefined;
}

interface Reach {
  readonly hostname: string;
  /** From --public-url. */
  readonly publicOrigin: string | undefined;
  readonly publicPath?: string | undefined;
  /** Whether browsers find the page. */
  readonly page: boolean;
  readonly mode: string;
  /** As --store says it; undefined: nowhere. */
  readonly store: string | undefined;
}

export async function announce(
  { url, port, certificate, admin }: Listening,
  { hostname, publicOrigin, publicPath = "", page, mode, store }: Reach,
  console: Pick<ConsolaInstance, "info" | "success">,
): Promise<void> {
  const reach = await reachNotes(hostname, url, port, page);
  console.success(`The relay listens at ${url}`);
  if (certificate !== undefined) {
    const until = new Date(certificate.endsAt).toISOString().slice(0, 10);
    console.info(`Its certificate is for ${certificate.names.join(", ")}, until ${until}`);
  }
  if (publicOrigin !== undefined) {
    console.info(`People reach it at ${publicOrigin.replace(/^http/, "ws")}${publicPath}`);
    if (page) console.info(`In a browser: ${publicOrigin}${publicPath}/`);
  } else for (const note of reach) console.info(note);
  const needs = NEEDS[mode];
  if (needs !== undefined) console.info(needs);
  if (store !== undefined) console.info(`It stores shares in ${store}`);
  // Output to other places than a terminal is kept, and a token must not be.
  if (admin) console.info(`Admin listener: ${process.stdout.isTTY ? pageLink(admin) : admin.url}`);
  if (isLoopback(hostname)) {
    console.info(`${hostname} is reachable from this machine alone; Ctrl-C ends the relay.`);
  } else {
    console.info("Clients reach it with --relay or FILESHARE_RELAY; Ctrl-C ends the relay.");
  }
}

const SIX_ALONE =
  "Other machines do not reach it: this machine has only IPv6, for which --host :: listens";

/** Sentences that say where a relay is reached, and at which address a browser finds its page. */
async function reachNotes(
  hostname: string,
  url: string,
  port: number,
  page: boolean,
): Promise<string[]> {
  const { protocol } = new URL(url);
  const list = (hosts: readonly string[], end = "", scheme = protocol): string =>
    hosts.map((host) => `${scheme}//${inUrl(host)}:${port}${end}`).join(" or ");
  const web = protocol.replace("ws", "http");
  const browser = (hosts: readonly string[]): string[] =>
    page ? [`In a browser: ${list(hosts, "/", web)}`] : [];
  if (hostname !== "0.0.0.0" && hostname !== "::") {
    return browser([new URL(url).hostname.replace(/^\[|\]$/g, "")]);
  }
  const all = await ownAddresses();
  const [four, six] =
    hostname === "::"
      ? await Promise.all([answers("127.0.0.1", port), answers("::1", port)])
      : [true, false];
  const hosts = all.filter((host) => (isIPv6(host) ? six : four));
  const notes = hosts.length === 0 ? [] : [`From other machines: ${list(hosts)}`];
  notes.push(...browser(hosts.length === 0 ? ["localhost"] : hosts));
  if (hostname === "0.0.0.0") {
    return hosts.length > 0 || all.length === 0 ? notes : [...notes, SIX_ALONE];
  }
  if (!four) notes.push("It takes only IPv6; --host 0.0.0.0 listens for IPv4");
  if (!six) {
    notes.push(
      `It takes only IPv4, because this machine has no IPv6: here at ${list(["127.0.0.1"])}`,
    );
  }
  return notes;
}
