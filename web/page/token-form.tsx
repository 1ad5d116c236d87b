/** The relay's token, asked for when the relay wants one. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { setToken } from "./app-state.ts";

export function TokenForm({ onToken }: { readonly onToken: () => void }): JSX.Element {
  const [token, setShown] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    setToken(token);
    onToken();
  };
  return (
    <form class="field token" onSubmit={submit}>
      <label for="token">Token</label>
      <p id="token-hint" class="hint">
        This relay wants a token. Its operator has it. The browser keeps it until you close this
        tab.
      </p>
      <div class="row">
        <input
          id="token"
          type="password"
          required
          autocomplete="off"
          aria-describedby="token-hint"
          value={token}
          onInput={(event) => setShown(event.currentTarget.value)}
        />
        <button type="submit" class="main">
          Use token
        </button>
      </div>
    </form>
  );
}
