/** The code of a send in all its forms: words, link, QR code, command. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { relayAddress } from "../browser/page-addresses.ts";
import { canShareLink, passOn } from "../browser/share-link.ts";
import { isThisMachine, pageAddress, shareLink, terminalCommand } from "./addresses.ts";
import { CopyButton, Note } from "./parts.tsx";

export function CodeCard({
  code,
  isLobby,
}: {
  readonly code: string;
  readonly isLobby: boolean;
}): JSX.Element {
  const link = shareLink(code);
  const command = terminalCommand(code, relayAddress());
  return (
    <section class="card code-card" aria-labelledby="code-title">
      <h2 id="code-title">{isLobby ? "In the lobby, public and not encrypted" : "Code"}</h2>
      <div class="code-and-qr">
        <div>
          <p class="code" translate={false}>
            {code.split("-").map((word, i) => (
              <span key={i}>
                {i > 0 && "-"}
                <wbr />
                {word}
              </span>
            ))}
          </p>
          {isThisMachine() ? (
            <Note kind="warn">
              Only this machine reaches {location.hostname}. To give others a link that works, open
              this page at the address that the relay's terminal shows after "In a browser".
            </Note>
          ) : (
            <p class="hint">
              Receivers type the code at <bdi>{pageAddress()}</bdi>, or open the link.
            </p>
          )}
          <div class="row">
            <CopyButton label="Copy link" text={link} main />
            <ShareButton link={link} />
          </div>
        </div>
        <QrCode text={link} />
      </div>
      <details class="more">
        <summary>In a terminal</summary>
        <pre class="command" tabIndex={0} role="region" aria-label="Command">
          {command}
        </pre>
        <CopyButton label="Copy command" text={command} />
      </details>
    </section>
  );
}

function ShareButton({ link }: { readonly link: string }): JSX.Element | null {
  if (!canShareLink(link)) return null;
  return (
    <button type="button" onClick={() => void passOn(link, "fileshare")}>
      Share
    </button>
  );
}

function QrCode({ text }: { readonly text: string }): JSX.Element | null {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    let url: string | undefined;
    let isGone = false;
    // Most of the page's visitors receive, and need no QR code.
    import("./qr-code.ts").then(
      ({ qrCode }) => {
        if (isGone) return;
        url = URL.createObjectURL(qrCode(text));
        setAddress(url);
      },
      () => {
        // The code and the link are on the screen too.
      },
    );
    return () => {
      isGone = true;
      if (url !== undefined) URL.revokeObjectURL(url);
    };
  }, [text]);
  return (
    <div class="qr">
      {address !== undefined && (
        <img src={address} alt="QR code of the link" width="180" height="180" />
      )}
    </div>
  );
}
