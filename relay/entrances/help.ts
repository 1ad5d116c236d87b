/** What somebody sees who asks a relay for nothing in particular. */

function lines(origin: string, lobby: boolean): string[] {
  const websocket = origin.replace(/^http/, "ws");
  const all = [
    "fileshare relay",
    "",
    "Send a file, end-to-end encrypted, to all who have its code:",
    `  bunx fileshare send FILE --relay ${websocket}`,
    `  bunx fileshare recv --relay ${websocket}`,
  ];
  if (!lobby) return all;
  return [
    ...all,
    "",
    "In the lobby, in clear, to whoever waits there:",
    `  curl -OJ ${origin}/lobby                      wait for the next file, and save it`,
    `  curl -OJ ${origin}/lobby/NAME                 wait for the file of that name`,
    `  curl -T FILE ${origin}/lobby/                 send a file, once somebody waits`,
    `  curl -T FILE '${origin}/lobby/?receivers=3'   once three wait`,
    `  tar c FOLDER | curl -T . ${origin}/lobby/folder.tar`,
  ];
}

export function helpText(origin: string, lobby: boolean): Response {
  return new Response(`${lines(origin, lobby).join("\n")}\n`, {
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}

export function page(origin: string, lobby: boolean): Response {
  const text = Bun.escapeHTML(lines(origin, lobby).slice(2).join("\n"));
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
