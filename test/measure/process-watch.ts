/** Watches processes while a transfer runs: CPU time by kind of process, and the most memory of a browser. */
import {
  commandLine,
  cpuSeconds,
  ownMemory,
  processTree,
  threadsOf,
} from "../support/process-tree.ts";

/** Between two looks. A look takes a few ms of a core for each process of a browser. ms */
const LOOK_MS = 500;

export interface Usage {
  readonly seconds: number;
  /** CPU seconds by kind of process, and by name of thread if they are told apart; the greatest first. */
  readonly cpu: ReadonlyMap<string, number>;
  /** The most that the browser's processes held, above what they held before the page. bytes */
  readonly peak: number;
}

/** Memory of the browser's processes now, without pages of files. bytes */
export function memoryOf(browser: number): number {
  return processTree(browser).reduce((sum, pid) => sum + ownMemory(pid), 0);
}

export class ProcessWatch implements Disposable {
  readonly #browser: number;
  readonly #others: Readonly<Record<string, number>>;
  readonly #idle: number;
  readonly #byThread: boolean;
  readonly #startedAt = performance.now();
  readonly #before = new Map<number, number>();
  /** The kind of each process, and its CPU seconds when it was seen last. */
  readonly #last = new Map<number, { readonly kind: string; readonly seconds: number }>();
  readonly #timer = setInterval(() => this.#look(), LOOK_MS);
  #peak = 0;

  /**
   * @param others processes by their names
   * @param idle bytes that the browser held before the page
   */
  constructor(
    browser: number,
    others: Readonly<Record<string, number>>,
    idle: number,
    byThread = false,
  ) {
    this.#browser = browser;
    this.#others = others;
    this.#idle = idle;
    this.#byThread = byThread;
    this.#look();
    for (const [pid, { seconds }] of this.#last) this.#before.set(pid, seconds);
  }

  usage(): Usage {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.#look();
    const cpu = new Map<string, number>();
    for (const [pid, { kind, seconds: last }] of this.#last) {
      const used = last - (this.#before.get(pid) ?? 0);
      cpu.set(kind, (cpu.get(kind) ?? 0) + used);
    }
    const sorted = new Map([...cpu].toSorted(([, a], [, b]) => b - a));
    return { seconds, cpu: sorted, peak: this.#peak - this.#idle };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const tree = processTree(this.#browser);
    for (const pid of tree) this.#note(pid, kindOf(pid));
    for (const [name, pid] of Object.entries(this.#others)) this.#note(pid, name);
    this.#peak = Math.max(this.#peak, memoryOf(this.#browser));
  }

  #note(pid: number, kind: string): void {
    if (!this.#byThread) {
      this.#noteSeconds(pid, kind, cpuSeconds(pid));
      return;
    }
    for (const { thread, name, seconds } of threadsOf(pid)) {
      this.#noteSeconds(thread, `${kind} ${name}`, seconds);
    }
  }

  #noteSeconds(pid: number, kind: string, seconds: number): void {
    const before = this.#last.get(pid);
    // One that ended says 0.
    if (before === undefined) this.#last.set(pid, { kind, seconds });
    else if (seconds > before.seconds) this.#last.set(pid, { ...before, seconds });
  }
}

/** Such as `renderer` of Chromium or `isolated` of Firefox; the first process of a browser is `browser`. */
function kindOf(pid: number): string {
  const words = commandLine(pid).filter((word) => word !== "");
  const type = words.find((word) => word.startsWith("--type="))?.slice("--type=".length);
  if (type === "utility") {
    const sub = words.find((word) => word.startsWith("--utility-sub-type="));
    return sub?.split(/[=.]/)[1] ?? "utility";
  }
  if (type !== undefined) return type;
  if (words.includes("-contentproc")) return `content ${words.at(-1) ?? ""}`;
  return "browser";
}
