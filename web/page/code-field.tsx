/** The field `Code` with its completion: a text field with a list box below it, as ARIA allows for `textbox`. Programs find it by that role. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";

import { CODE_MAX_CHARACTERS } from "../../protocol/wire/limits.ts";
import { candidatesFor, completed, wordsLeft } from "./code-entry.ts";
import { Icon } from "./icons.tsx";
import { count } from "./words.ts";

interface CodeFieldProps {
  readonly text: string;
  readonly problem: string | undefined;
  readonly onText: (text: string) => void;
}

export function CodeField({ text, problem, onText }: CodeFieldProps): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const words = isOpen ? candidatesFor(text) : [];
  const chosen = active < words.length ? active : -1;

  const take = (word: string): void => {
    onText(completed(text, word));
    setActive(-1);
    input.current?.focus();
  };
  const move = (by: number): void => {
    setActive((chosen + by + words.length + 1) % (words.length + 1));
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.isComposing || words.length === 0) return;
    const word = chosen === -1 ? undefined : words[chosen];
    if (event.key === "ArrowDown") move(chosen === words.length - 1 ? 2 : 1);
    else if (event.key === "ArrowUp") setActive(chosen <= 0 ? words.length - 1 : chosen - 1);
    else if (event.key === "Escape") setOpen(false);
    else if ((event.key === "Enter" || event.key === "Tab") && word !== undefined) take(word);
    else return;
    event.preventDefault();
  };
  const hint = problem === undefined ? wordsLeft(text) : undefined;
  return (
    <div class="field combo">
      <label for="code">
        <span aria-hidden="true">Code</span>
      </label>
      <input
        ref={input}
        id="code"
        type="text"
        aria-label="Code"
        value={text}
        maxLength={CODE_MAX_CHARACTERS}
        placeholder="seven words, or a link"
        autocomplete="off"
        autocapitalize="none"
        autocorrect="off"
        spellcheck={false}
        enterkeyhint="go"
        aria-autocomplete="list"
        aria-controls="code-words"
        aria-activedescendant={chosen === -1 ? undefined : `code-word-${chosen}`}
        aria-invalid={problem !== undefined}
        aria-describedby="code-hint"
        onInput={(event) => {
          onText(event.currentTarget.value);
          setOpen(true);
          setActive(-1);
        }}
        onKeyDown={onKey}
        onBlur={() => setOpen(false)}
      />
      <ul id="code-words" role="listbox" aria-label="Words" hidden={words.length === 0}>
        {words.map((word, i) => (
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- keys go to the field
          <li
            key={word}
            id={`code-word-${i}`}
            role="option"
            aria-selected={i === chosen}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => take(word)}
          >
            {word}
          </li>
        ))}
      </ul>
      <p id="code-hint" class={problem === undefined ? "hint" : "hint bad"} role="status">
        {problem !== undefined && <Icon name="warning" />}
        {problem ?? hint ?? ""}
      </p>
      {/* Outside the hint: a line that goes when the field loses the focus would move the button from under a press. */}
      <p class="hidden" role="status">
        {words.length > 0 && `${count(words.length, "word", "words")} below, by the arrow keys`}
      </p>
    </div>
  );
}
