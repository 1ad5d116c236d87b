/** Choosing what to send, and how. */
import type { JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { CODE_MAX_CHARACTERS, RECEIVERS_PER_SHARE } from "../../protocol/wire/limits.ts";
import type { StoreWish } from "../../protocol/wire/control.ts";
import type { ChosenFile } from "../job/send-messages.ts";
import { filesOfDrop, filesOfInput, filesOfPaste, sendableFiles } from "../source/chosen-files.ts";
import { codeProblem, codeText, given } from "./app-state.ts";
import {
  allFiles,
  bytesOf,
  problemOf,
  textProblem,
  totalOf,
  withFiles,
  type ChosenItem,
} from "./chosen-items.ts";
import { ChosenList } from "./chosen-list.tsx";
import { entryOf } from "./code-entry.ts";
import { thrownText } from "./fault-text.ts";
import { Icon } from "./icons.tsx";
import { ownAddresses } from "./open-code.ts";
import { Alert } from "./parts.tsx";
import { StoreFields, useStoreOffer } from "./store-fields.tsx";
import type { SendWish } from "./send-run.ts";

interface SendFormProps {
  /** A code that is given: the lobby's. */
  readonly code?: string | undefined;
  readonly onSend: (wish: SendWish) => void;
}

interface Options {
  readonly stay: boolean;
  readonly receivers: number;
  readonly startWhen: number;
  readonly ask: boolean;
}

/** A page stays until it is stopped: its person looks at it, and late receivers come. */
const USUAL: Options = { stay: true, receivers: 1, startWhen: 1, ask: false };

export function SendForm({ code, onSend }: SendFormProps): JSX.Element {
  const [items, setItems] = useState<readonly ChosenItem[]>([]);
  const [text, setText] = useState<string>();
  const [options, setOptions] = useState(USUAL);
  const [problem, setProblem] = useState<string>();
  const [store, setStore] = useState<StoreWish>();
  const add = (chosen: readonly ChosenFile[]): void => {
    const { files, problem: refused } = sendableFiles(chosen);
    setProblem(refused);
    if (files.length > 0) setItems((before) => withFiles(before, files));
  };
  const take = (choosing: Promise<readonly ChosenFile[]>): void => {
    choosing.then(add, (error: unknown) => setProblem(thrownText(error)));
  };
  const shared = given.value;
  useEffect(() => {
    if (shared === undefined) return;
    given.value = undefined;
    if (shared.files.length > 0) add(shared.files);
    else if (shared.text !== undefined) setText(shared.text);
  }, [shared]);
  usePaste(
    text === undefined,
    (files) => add(files),
    (pasted) => {
      if (code === undefined && isCode(pasted)) showCode(pasted);
      else setText(pasted);
    },
  );
  const submit = (event: Event): void => {
    event.preventDefault();
    const wrong = text === undefined ? problemOf(items) : textProblem(text);
    setProblem(wrong);
    if (wrong !== undefined) return;
    const content =
      text === undefined
        ? ({ kind: "files", files: allFiles(items) } as const)
        : ({ kind: "text", text } as const);
    // A stored share begins at once, asks nobody, and needs no page that stays.
    onSend(
      wish === undefined ? { content, code, ...options } : { content, ...USUAL, toStore: wish },
    );
  };
  const isReady = text !== undefined || items.length > 0;
  const offer = useStoreOffer(isReady && code === undefined);
  const bytes = text === undefined ? bytesOf(items) : new Blob([text]).size;
  const wish = offer === undefined || bytes > offer.bytes ? undefined : store;
  return (
    <form class="send" onSubmit={submit} noValidate>
      {text === undefined ? (
        <Chooser items={items} onTake={take} onItems={setItems} onText={() => setText("")} />
      ) : (
        <TextField text={text} onText={setText} />
      )}
      {problem !== undefined && <Alert>{problem}</Alert>}
      {isReady && (
        <>
          {offer !== undefined && (
            <StoreFields offer={offer} bytes={bytes} wish={wish} onWish={setStore} />
          )}
          {wish === undefined && (
            <OptionFields options={options} onOptions={setOptions} isLobby={code !== undefined} />
          )}
          <button type="submit" class="main wide">
            Send
          </button>
        </>
      )}
    </form>
  );
}

/** A code or a link that is pasted beside the field of codes is there to be received. */
function isCode(text: string): boolean {
  return text.length <= CODE_MAX_CHARACTERS && entryOf(text, ownAddresses()).is === "code";
}

function showCode(text: string): void {
  codeText.value = text.trim();
  codeProblem.value = undefined;
  document.querySelector<HTMLElement>("#code")?.focus();
}

interface ChooserProps {
  readonly items: readonly ChosenItem[];
  readonly onTake: (choosing: Promise<readonly ChosenFile[]>) => void;
  readonly onItems: (items: readonly ChosenItem[]) => void;
  readonly onText: () => void;
}

function Chooser({ items, onTake, onItems, onText }: ChooserProps): JSX.Element {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  // Not all types of Preact know this attribute.
  useEffect(() => folder.current?.setAttribute("webkitdirectory", ""), []);
  const chosen = ({ currentTarget: input }: { readonly currentTarget: HTMLInputElement }): void => {
    onTake(Promise.resolve(filesOfInput(input.files ?? [])));
    // The same file can be chosen once more after it was removed.
    input.value = "";
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer !== null) onTake(filesOfDrop(event.dataTransfer));
  };
  return (
    <div
      class={`drop ${isOver ? "over" : ""} ${items.length > 0 ? "filled" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      {items.length > 0 ? (
        <>
          <ChosenList
            items={items}
            onRemove={(name) => onItems(items.filter((item) => item.name !== name))}
          />
          <p class="total">{totalOf(items)}</p>
        </>
      ) : (
        <p class="drop-words">Drop files or folders here, or paste them</p>
      )}
      <div class="row">
        <button
          type="button"
          class={items.length > 0 ? "" : "main"}
          onClick={() => files.current?.click()}
        >
          <Icon name="file" />
          Choose files
        </button>
        <button type="button" onClick={() => folder.current?.click()}>
          <Icon name="folder" />
          Choose a folder
        </button>
        {items.length === 0 && (
          <button type="button" onClick={onText}>
            <Icon name="text" />
            Write a text
          </button>
        )}
      </div>
      <input ref={files} type="file" multiple hidden aria-label="Files" onChange={chosen} />
      <input ref={folder} type="file" multiple hidden aria-label="Folder" onChange={chosen} />
    </div>
  );
}

function TextField({
  text,
  onText,
}: {
  readonly text: string;
  readonly onText: (text: string | undefined) => void;
}): JSX.Element {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <div class="field">
      <label for={id}>Text</label>
      <textarea
        ref={field}
        id={id}
        rows={5}
        dir="auto"
        value={text}
        onInput={(event) => onText(event.currentTarget.value)}
      />
      <button type="button" class="quiet" onClick={() => onText(undefined)}>
        Send files instead
      </button>
    </div>
  );
}

interface OptionFieldsProps {
  readonly options: Options;
  readonly isLobby: boolean;
  readonly onOptions: (options: Options) => void;
}

function OptionFields({ options, isLobby, onOptions }: OptionFieldsProps): JSX.Element {
  const id = useId();
  const { stay, receivers, startWhen, ask } = options;
  return (
    <details class="more">
      <summary>More</summary>
      <CheckField
        label="Keep sending until I stop it"
        help="Receivers that come late get everything too."
        isOn={stay}
        onChange={(on) => onOptions({ ...options, stay: on })}
      />
      {!stay && (
        <NumberField
          id={`${id}receivers`}
          label="End when this many receivers have everything"
          value={receivers}
          onValue={(value) => onOptions({ ...options, receivers: value })}
        />
      )}
      {!isLobby && (
        <>
          <NumberField
            id={`${id}start`}
            label="Wait for this many receivers before it starts"
            value={startWhen}
            onValue={(value) => onOptions({ ...options, startWhen: value })}
          />
          <CheckField
            label="Ask before each receiver"
            help="A receiver gets nothing until you admit it."
            isOn={ask}
            onChange={(on) => onOptions({ ...options, ask: on })}
          />
        </>
      )}
    </details>
  );
}

interface CheckFieldProps {
  readonly label: string;
  readonly help: string;
  readonly isOn: boolean;
  readonly onChange: (on: boolean) => void;
}

function CheckField({ label, help, isOn, onChange }: CheckFieldProps): JSX.Element {
  const id = useId();
  return (
    <div class="check">
      <input
        id={id}
        type="checkbox"
        checked={isOn}
        aria-describedby={`${id}help`}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      <p id={`${id}help`} class="hint">
        {help}
      </p>
    </div>
  );
}

interface NumberFieldProps {
  readonly id: string;
  readonly label: string;
  readonly value: number;
  readonly onValue: (value: number) => void;
}

function NumberField({ id, label, value, onValue }: NumberFieldProps): JSX.Element {
  return (
    <div class="field number">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        inputMode="numeric"
        min={1}
        max={RECEIVERS_PER_SHARE}
        value={value}
        onInput={(event) => {
          const typed = Math.floor(event.currentTarget.valueAsNumber);
          if (typed >= 1) onValue(Math.min(typed, RECEIVERS_PER_SHARE));
        }}
      />
    </div>
  );
}

/** Files and texts that are pasted anywhere but into a field. */
function usePaste(
  isOn: boolean,
  onFiles: (files: readonly ChosenFile[]) => void,
  onText: (text: string) => void,
): void {
  const handlers = useRef({ onFiles, onText });
  handlers.current = { onFiles, onText };
  useEffect(() => {
    if (!isOn) return;
    const paste = (event: ClipboardEvent): void => {
      const isField = event.target instanceof Element && event.target.closest("input, textarea");
      if (isField || event.clipboardData === null) return;
      const files = filesOfPaste(event.clipboardData);
      const text = event.clipboardData.getData("text/plain");
      if (files.length > 0) handlers.current.onFiles(files);
      else if (text.trim() !== "") handlers.current.onText(text);
      else return;
      event.preventDefault();
    };
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, [isOn]);
}
