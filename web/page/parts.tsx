/** Small parts that several screens use. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { Icon } from "./icons.tsx";
import { perSecond, type Samples } from "./rate.ts";
import { duration, percent, shown, size } from "./words.ts";

/** A heading that takes the focus when its screen or step appears, so that a screen reader begins there. */
export function Heading({
  level = 2,
  children,
}: {
  readonly level?: 1 | 2;
  readonly children: ComponentChildren;
}): JSX.Element {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => ref.current?.focus({ preventScroll: level === 2 }), [level]);
  const Tag = level === 1 ? "h1" : "h2";
  return (
    <Tag ref={ref} tabIndex={-1}>
      {children}
    </Tag>
  );
}

/** Text of a peer or a name: its direction moves nothing around it, and nothing in it hides. */
export function Name({ text }: { readonly text: string }): JSX.Element {
  return <bdi class="name">{shown(text)}</bdi>;
}

export function Alert({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <div class="note bad" role="alert">
      <Icon name="warning" />
      <p>{children}</p>
    </div>
  );
}

export function Note({
  kind = "info",
  children,
}: {
  readonly kind?: "info" | "warn";
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div class={`note ${kind}`}>
      {kind === "warn" && <Icon name="warning" />}
      <div>{children}</div>
    </div>
  );
}

/** A wait whose length is not known. */
export function Waiting({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <p class="waiting">
      <span class="dots" aria-hidden="true">
        <span />
        <span />
        <span />
      </span>
      <span>{children}</span>
    </p>
  );
}

/** A clock for what changes although nothing comes: a rate of a transfer that stalls. */
function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return Math.max(now, performance.now());
}

interface ProgressProps {
  readonly label: string;
  readonly bytes: number;
  /** 0: not known */
  readonly size: number;
  readonly samples: Samples;
  /** Whether the label stands beside the figures. */
  readonly isNamed?: boolean;
}

/** The bar, and `45 %, 12 MiB of 30 MiB, 5 MiB/s, 4 s left`. */
export function Progress({
  label,
  bytes,
  size: whole,
  samples,
  isNamed = false,
}: ProgressProps): JSX.Element {
  const rate = perSecond(samples, useNow(1000));
  const isKnown = whole > 0;
  const details = [isKnown ? `${size(bytes)} of ${size(whole)}` : size(bytes)];
  if (rate !== undefined && (!isKnown || bytes < whole)) {
    details.push(`${size(Math.round(rate))}/s`);
    if (isKnown && rate > 0) details.push(`${duration((whole - bytes) / rate)} left`);
  }
  return (
    <div class="progress">
      <progress aria-label={label} {...(isKnown ? { max: whole, value: bytes } : {})} />
      <p>
        {isKnown && (
          <strong>
            {isNamed && `${label} `}
            {percent(bytes, whole)} %
          </strong>
        )}
        <span>{details.join(" · ")}</span>
      </p>
    </div>
  );
}

/** A button says for so long that it copied. A failure stays, because the person has to act. ms */
const DONE_MS = 2000;
const COPIED = "Copied";
const NOT_COPIED = "The browser did not let the page copy. Select the text instead.";

/** A button that copies, and says so where a person looks and where a screen reader listens. */
export function CopyButton({
  label,
  text,
  main = false,
}: {
  readonly label: string;
  readonly text: string;
  readonly main?: boolean;
}): JSX.Element {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (said !== COPIED) return;
    const timer = setTimeout(() => setSaid(""), DONE_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (): Promise<void> => {
    setSaid("");
    setSaid((await copied(text)) ? COPIED : NOT_COPIED);
  };
  return (
    <span class="copy">
      <button type="button" class={main ? "main" : ""} onClick={() => void copy()}>
        {label}
      </button>
      <span role="status" class="said">
        {said}
      </span>
    </span>
  );
}

/** Without a secure context there is no clipboard interface; the older command still works. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByCommand(text);
  }
}

function copiedByCommand(text: string): boolean {
  const field = document.createElement("textarea");
  const before = document.activeElement;
  field.value = text;
  field.className = "hidden";
  document.body.append(field);
  field.select();
  try {
    // oxlint-disable-next-line typescript/no-deprecated -- plain http has nothing else
    return document.execCommand("copy");
  } finally {
    field.remove();
    if (before instanceof HTMLElement) before.focus();
  }
}

/** Least time between two words about progress. ms */
const SAID_EVERY_MS = 5000;

/** Tells a screen reader how things are: at once when the step changes, seldom about progress. */
export function Announcer({
  step,
  progress,
}: {
  readonly step: string;
  readonly progress?: string | undefined;
}): JSX.Element {
  const [text, setText] = useState("");
  const last = useRef({ step: "", at: 0 });
  useEffect(() => {
    const now = performance.now();
    const isNew = step !== last.current.step;
    if (!isNew && (progress === undefined || now - last.current.at < SAID_EVERY_MS)) return;
    last.current = { step, at: now };
    setText(isNew || progress === undefined ? step : progress);
  }, [step, progress]);
  return (
    <div class="hidden" role="status" aria-live="polite">
      {text}
    </div>
  );
}

/** `30 %`: a word for each tenth. */
export function tenth(bytes: number, whole: number): string | undefined {
  return whole === 0 ? undefined : `${Math.floor(percent(bytes, whole) / 10) * 10} %`;
}
