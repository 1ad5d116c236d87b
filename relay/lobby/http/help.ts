/** The help that a relay shows at `/`. */

import type { Access, AccessMode } from "../../access/policy.ts";
import { PLAIN_TEXT } from "../../net/refusal.ts";

export interface HelpOptions {
  /** Such as `https://relay.example`. */
  readonly address: string;
  readonly lobby: boolean;
  /** The relay serves one channel alone. */
  readonly hasOneChannel?: boolean;
  readonly access: Access;
}

export function helpLines({
  address,
  lobby,
  hasOneChannel = false,
  access,
}: HelpOptions): string[] {
  const websocket = address.replace(/^http/, "ws");
  if (hasOneChannel && !lobby) {
    return [
      "fileshare relay",
      "",
      "This relay runs inside a fileshare command, and serves the code of that command alone:",
      `  fileshare recv --relay ${websocket}`,
    ];
  }
  const all = [
    "fileshare relay",
    "",
    `Send a file, end-to-end encrypted, to every receiver with its code${WHO[access.mode]}:`,
    `  fileshare send FILE --relay ${websocket}`,
    `  fileshare recv --relay ${websocket}`,
  ];
  if (lobby) {
    all.push(
      "",
      `In the lobby, without encryption, to every client that waits there${WHO[access.lobby]}:`,
      `  curl -fOJ ${address}/lobby                      wait for the next file, and save it`,
      `  curl -fOJ ${address}/lobby/NAME                 wait for the file of that name`,
      `  curl -fT FILE ${address}/lobby/                 send a file, once a client waits`,
      `  curl -fT FILE '${address}/lobby/?receivers=3'   the same, once three clients wait`,
      `  tar c FOLDER | curl -fT . ${address}/lobby/folder.tar`,
      "",
      "With -f an error is never saved as the file, and curl ends with a code other than 0.",
    );
  }
  if (access.mode === "open" && (!lobby || access.lobby === "open")) return all;
  return [
    ...all,
    "",
    "The relay's operator gives out tokens. Set FILESHARE_TOKEN, or give the token to curl:",
    '  curl -f -H "Authorization: Bearer $FILESHARE_TOKEN" ...',
  ];
}

const WHO: Readonly<Record<AccessMode, string>> = {
  open: "",
  senders: " (senders need a token)",
  closed: " (with a token)",
};

export function helpText(lines: readonly string[]): Response {
  return new Response(`${lines.join("\n")}\n`, { headers: PLAIN_TEXT });
}

export function page(lines: readonly string[]): Response {
  const text = Bun.escapeHTML(lines.slice(2).join("\n"));
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>fileshare relay</title>
<h1>fileshare relay</h1>
<p>One sender streams a file through here to many receivers.</p>
<pre>${text}</pre>
</html>
`;
  return new Response(html, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
    },
  });
}
