/** A headless Chromium of this machine, driven through its DevTools protocol. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];

/** The program; undefined where there is none. */
export function findChromium(): string | undefined {
  const names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
  return names.map((name) => Bun.which(name)).find((path) => path !== null) ?? undefined;
}

export interface Tab {
  /** The value of an expression in the page; promises are awaited. */
  evaluate(expression: string): Promise<unknown>;
  /** A PNG of what is visible in a window of this size. */
  picture(width: number, height: number): Promise<Uint8Array>;
  setTheme(theme: "light" | "dark"): Promise<void>;
  /** Errors and warnings of the console since the tab was opened. */
  readonly complaints: readonly string[];
  /** Addresses asked for other than the page itself. */
  readonly requests: readonly string[];
}

export interface Browser extends AsyncDisposable {
  /** Its profile, which its processes have on their command lines. */
  readonly folder: string;
  /** Opens a file and waits until it is loaded. */
  open(url: string): Promise<Tab>;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export async function startChromium(program: string): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), "fileshare-chromium-"));
  const child = Bun.spawn([program, ...FLAGS, `--user-data-dir=${folder}`, "about:blank"], {
    // Debian's program is a shell script: killed alone, it leaves the browser. So all in its group end.
    detached: true,
    env: { ...process.env, TMPDIR: folder }, // killed, it leaves what it has there
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const end = async (): Promise<void> => {
    process.kill(-child.pid, "SIGKILL");
    await child.exited;
    // Its own children may write a moment longer.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  try {
    const address = await debuggingAddress(child.stderr);
    const { host } = new URL(address);
    return {
      folder,
      async open(url) {
        const made = await fetch(`http://${host}/json/new?about:blank`, { method: "PUT" });
        const { webSocketDebuggerUrl } = (await made.json()) as { webSocketDebuggerUrl: string };
        return openTab(webSocketDebuggerUrl, url);
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function debuggingAddress(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let said = "";
  // Left open: a browser whose stderr is closed ends.
  const reader = stderr.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Chromium ended at once:\n${said}`);
    said += decoder.decode(value, { stream: true });
    const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
    if (found !== undefined) return found;
  }
}

async function openTab(debuggerUrl: string, url: string): Promise<Tab> {
  const socket = new WebSocket(debuggerUrl);
  const waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  const complaints: string[] = [];
  const requests: string[] = [];
  const loaded = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  let calls = 0;

  const send = (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    calls += 1;
    const answer = Promise.withResolvers<Record<string, unknown>>();
    waiting.set(calls, answer);
    socket.send(JSON.stringify({ id: calls, method, params }));
    return answer.promise;
  };
  const event = (method: string, params: Record<string, unknown>): void => {
    if (method === "Page.loadEventFired") loaded.resolve();
    if (method === "Runtime.exceptionThrown") complaints.push(JSON.stringify(params));
    if (method === "Runtime.consoleAPICalled" && params["type"] !== "log") {
      complaints.push(JSON.stringify(params));
    }
    if (method === "Log.entryAdded") complaints.push(JSON.stringify(params));
    if (method === "Network.requestWillBeSent") {
      const { url: asked } = params["request"] as { url: string };
      if (asked !== url) requests.push(asked);
    }
  };
  socket.addEventListener("open", () => opened.resolve());
  socket.addEventListener("error", () => opened.reject(new Error("Chromium took no connection")));
  socket.addEventListener("close", () => {
    for (const answer of waiting.values()) answer.reject(new Error("Chromium went away"));
  });
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.method !== undefined) event(message.method, message.params ?? {});
    if (message.id === undefined) return;
    const answer = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) answer?.resolve(message.result ?? {});
    else answer?.reject(new Error(message.error.message));
  });

  await opened.promise;
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);
  await send("Page.navigate", { url });
  await loaded.promise;
  return {
    complaints,
    requests,
    async evaluate(expression) {
      const options = { expression, returnByValue: true, awaitPromise: true };
      const { result, exceptionDetails } = await send("Runtime.evaluate", options);
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return (result as { value?: unknown }).value;
    },
    async picture(width, height) {
      const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
      await send("Emulation.setDeviceMetricsOverride", metrics);
      const { data } = await send("Page.captureScreenshot", { format: "png" });
      return Buffer.from(String(data), "base64");
    },
    async setTheme(theme) {
      const features = [{ name: "prefers-color-scheme", value: theme }];
      await send("Emulation.setEmulatedMedia", { features });
      // The page hears of it before its next frame.
      const expression = "new Promise((done) => requestAnimationFrame(() => done()))";
      await send("Runtime.evaluate", { expression, awaitPromise: true });
    },
  };
}

/** Waits in the page until the expression is true. */
export function until(tab: Tab, expression: string): Promise<unknown> {
  return tab.evaluate(`new Promise((done) => {
    const look = () => ((${expression}) ? done(true) : setTimeout(look, 50));
    look();
  })`);
}
