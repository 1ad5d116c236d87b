/** The name under which a sender sees this receiver. Thirty phones of one kind have the same one until their persons change it. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { RECEIVER_NAME_CHARACTERS } from "../../protocol/wire/limits.ts";
import { receiverName, setName } from "./app-state.ts";

interface NameFieldProps {
  /** A receive is under way: its name changes with a button, as the page then joins anew. */
  readonly onRename?: (() => void) | undefined;
}

export function NameField({ onRename }: NameFieldProps): JSX.Element {
  const [name, setShown] = useState(receiverName);
  const field = (
    <input
      id="name"
      type="text"
      autocomplete="nickname"
      maxLength={RECEIVER_NAME_CHARACTERS}
      value={name}
      onInput={({ currentTarget: { value } }) => {
        if (onRename === undefined) setName(value);
        setShown(value);
      }}
    />
  );
  const rename = (event: Event): void => {
    event.preventDefault();
    setName(name);
    onRename?.();
  };
  return (
    <details class="more">
      <summary>Your name: {onRename === undefined ? name : receiverName()}</summary>
      <div class="field">
        <label for="name">Name that the sender sees</label>
        {onRename === undefined ? (
          field
        ) : (
          <form class="row rename" onSubmit={rename} noValidate>
            {field}
            <button type="submit">Use this name</button>
          </form>
        )}
      </div>
    </details>
  );
}
