/** A page in a real browser, used as a person does: by the names of its buttons and fields, and by its text. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConsoleMessage, ElementHandle, HTTPRequest, Page } from "puppeteer-core";

import type { BrowserName, OpenOptions } from "./browsers.ts";
import { WAIT_MS } from "./patience.ts";

/** ms between two looks */
const LOOK_MS = 50;
/** ms that a page watches itself before it is looked at from outside again. It may load anew meanwhile. */
const WATCH_MS = 500;

/**
 * A headless Chromium closes pickers by itself. It takes a moment for it when the machine is busy, and then the page holds a
 * person for the cause. These close at once.
 */
const PICKERS_THAT_CLOSE = `
  for (const name of ["showSaveFilePicker", "showDirectoryPicker"]) {
    if (name in window) window[name] = async () => { throw new DOMException("no picker", "AbortError"); };
  }`;

/** A text field is a combobox where it offers completions. */
const FIELDS = ["textbox", "combobox", "spinbutton"];

export class BrowserPage implements AsyncDisposable {
  readonly browser: BrowserName;
  /** For what has no name here. */
  readonly raw: Page;
  readonly downloads: string;
  /** Addresses that the page asked for. */
  readonly requests: string[] = [];
  /** Errors and warnings of the console, of the security policy too. */
  readonly complaints: string[] = [];
  readonly #allow: readonly RegExp[];
  #origin = "";
  readonly #complain: (complaints: readonly string[]) => void;

  /** @param complain gets, at the end, what the browser complained of and requests to other origins */
  constructor(
    browser: BrowserName,
    raw: Page,
    downloads: string,
    allow: readonly RegExp[],
    complain: (complaints: readonly string[]) => void,
  ) {
    this.browser = browser;
    this.raw = raw;
    this.downloads = downloads;
    this.#allow = allow;
    this.#complain = complain;
    raw.setDefaultTimeout(WAIT_MS);
    raw.on("console", (message: ConsoleMessage) => {
      const kind = message.type();
      if (kind === "error" || kind === "warn") this.#note(`console ${kind}: ${message.text()}`);
    });
    raw.on("pageerror", (error: unknown) => {
      this.#note(`page error: ${error instanceof Error ? error.message : String(error)}`);
    });
    // A page that is busy asks before it is left.
    raw.on("dialog", (dialog) => {
      dialog.accept().catch(() => {
        // The page went away, or the test answered it.
      });
    });
    raw.on("request", (request: HTTPRequest) => this.requests.push(request.url()));
  }

  #note(complaint: string): void {
    if (!this.#allow.some((each) => each.test(complaint))) this.complaints.push(complaint);
  }

  async prepare({ before, width, height, dark }: OpenOptions): Promise<void> {
    await this.raw.evaluateOnNewDocument(`{${PICKERS_THAT_CLOSE}}\n${before ?? ""}`);
    if (width !== undefined) await this.raw.setViewport({ width, height: height ?? 800 });
    if (dark !== undefined) await this.setTheme(dark ? "dark" : "light");
  }

  /** Without motion, so that colors are there at once. Chromium alone: Firefox has it as a preference of the browser. */
  async setTheme(theme: "light" | "dark"): Promise<void> {
    await this.raw.emulateMediaFeatures([
      { name: "prefers-color-scheme", value: theme },
      { name: "prefers-reduced-motion", value: "reduce" },
    ]);
  }

  async goTo(url: string): Promise<void> {
    this.#origin = new URL(url).origin;
    await this.raw.goto(url, { waitUntil: "load" });
  }

  async reload(): Promise<void> {
    await this.raw.reload({ waitUntil: "load" });
  }

  /** The value of an expression in the page; promises are awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    return (await this.raw.evaluate(expression)) as T;
  }

  /** All text that a person sees. */
  text(): Promise<string> {
    return this.evaluate<string>("document.body.innerText");
  }

  /** Waits until the page shows the text. @returns all that it shows then */
  async see(part: string | RegExp): Promise<string> {
    const shows = (text: string): boolean =>
      typeof part === "string" ? text.includes(part) : part.test(text);
    return this.until(`it shows ${String(part)}`, async () => {
      const text = await this.text();
      return shows(text) ? text : undefined;
    });
  }

  /** Waits until the page shows the text no more. */
  async seeNoMore(part: string | RegExp): Promise<void> {
    const shows = (text: string): boolean =>
      typeof part === "string" ? text.includes(part) : part.test(text);
    await this.until(`it shows ${String(part)} no more`, async () =>
      shows(await this.text()) ? undefined : true,
    );
  }

  /**
   * Asks until there is an answer. A page that is loading anew has none.
   * @throws Error with what the page shows, when there is none for a long time
   */
  async until<T>(what: string, look: () => Promise<T | undefined>, waitMs = WAIT_MS): Promise<T> {
    const end = performance.now() + waitMs;
    const failures = new Set<string>();
    while (performance.now() < end) {
      try {
        const found = await look();
        if (found !== undefined) return found;
      } catch (error) {
        if (this.raw.isClosed()) throw error;
        failures.add(String(error));
      }
      await Bun.sleep(LOOK_MS);
    }
    const shown = await this.text().catch(String);
    const said = [...failures, ...this.complaints].join("\n");
    throw new Error(`Waited until ${what}. The page shows:\n${shown}\n${said}`);
  }

  /** Whether an element of that role and name is there now. */
  async has(role: string, name: string): Promise<boolean> {
    return (await this.raw.$(selector(role, name))) !== null;
  }

  /** The element of that role and name, when there is one that shows. */
  find(role: string, name: string): Promise<ElementHandle> {
    return this.until(`it has a ${role} ${name}`, async () => {
      await this.#sign(name);
      const found = await this.raw.$(selector(role, name));
      return found !== null && (await found.isVisible()) ? found : undefined;
    });
  }

  /** Presses a button or another control, when it is there and ready. */
  async click(role: string, name: string): Promise<void> {
    await this.#toFront();
    await this.until(`it has a ${role} ${name} to press`, async () => {
      await this.#sign(name);
      const found = await this.#ready(role, name);
      await found?.click();
      return found && true;
    });
  }

  /** Puts a text in place of what a field holds. */
  async fill(name: string, text: string): Promise<void> {
    await this.#toFront();
    const found = await this.until(`it has a field ${name}`, async () => {
      await this.#sign(name);
      const fields = await Promise.all(FIELDS.map((role) => this.#ready(role, name)));
      return fields.find((each) => each !== undefined);
    });
    await found.click({ count: 3 });
    await this.raw.keyboard.down("Control");
    await this.raw.keyboard.press("KeyA");
    await this.raw.keyboard.up("Control");
    await found.type(text);
  }

  /**
   * Waits a moment for something that may have that name. To ask for roles and names again and again costs a browser
   * more than all else in a test.
   */
  async #sign(name: string): Promise<void> {
    await this.evaluate(watched(mayBeNamed(name)));
  }

  async #ready(role: string, name: string): Promise<ElementHandle | undefined> {
    const found = await this.raw.$(selector(role, name));
    if (found === null || !(await found.isVisible())) return undefined;
    const isDisabled = (each: object): boolean => "disabled" in each && each.disabled === true;
    return (await found.evaluate(isDisabled)) ? undefined : found;
  }

  async press(...keys: readonly Parameters<Page["keyboard"]["press"]>[0][]): Promise<void> {
    await this.#toFront();
    for (const key of keys) await this.raw.keyboard.press(key);
  }

  /** Gives files to the page as a person does who chooses them. @param name of the hidden field behind the button */
  async choose(paths: readonly string[], name = "Files"): Promise<void> {
    const chooser = `input[type=file][aria-label="${name}"]`;
    const input = await this.until(`it has ${chooser}`, async () => {
      return (await this.raw.$(chooser)) ?? undefined;
    });
    await input.uploadFile(...paths);
  }

  /** The bytes of a download, when all of them are on the disk under its name. */
  async downloaded(name: string, bytes: number): Promise<Buffer> {
    const path = join(this.downloads, name);
    return this.until(`${name} of ${bytes} bytes is downloaded`, async () => {
      await Promise.resolve();
      if (!existsSync(path) || this.unfinished().length > 0) return undefined;
      const content = readFileSync(path);
      return content.length === bytes ? content : undefined;
    });
  }

  /** Names in the folder of downloads that are complete. */
  finished(): string[] {
    return readdirSync(this.downloads).filter((name) => !isPartial(name));
  }

  unfinished(): string[] {
    return readdirSync(this.downloads).filter(isPartial);
  }

  /** A PNG of what is visible. */
  async picture(): Promise<Uint8Array> {
    await this.#toFront();
    return this.raw.screenshot({ type: "png" });
  }

  /** Requests to other origins than the page's own. */
  foreignRequests(): string[] {
    const origin = this.#origin;
    return this.requests.filter((url) => /^(?:https?|wss?):/.test(url) && !url.startsWith(origin));
  }

  /** Closes the page, and its profile if it has one of its own. A second time it does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.raw.isClosed()) return;
    const foreign = this.foreignRequests();
    const context = this.raw.browserContext();
    // A page that warns before it is left is closed all the same.
    await this.raw.close({ runBeforeUnload: false });
    if (context !== context.browser().defaultBrowserContext()) await context.close();
    this.#complain([...this.complaints, ...foreign.map((url) => `request to ${url}`)]);
  }

  /** A browser draws and waits for the page in front alone. */
  async #toFront(): Promise<void> {
    await this.raw.bringToFront();
  }
}

/** Whether an element of the page is likely to have that name, as an expression of the page. */
function mayBeNamed(name: string): string {
  const text = JSON.stringify(name);
  return `[...document.querySelectorAll("[aria-label], a, button, h1, h2, h3, label, summary")].some(
    (each) => each.getAttribute("aria-label") === ${text} || each.textContent.trim() === ${text})`;
}

/** An expression of the page that ends when the condition holds, or after WATCH_MS. */
function watched(condition: string): string {
  return `new Promise((resolve) => {
    const end = () => {
      observer.disconnect();
      clearTimeout(limit);
      resolve();
    };
    const look = () => ${condition} && end();
    const observer = new MutationObserver(look);
    const limit = setTimeout(end, ${WATCH_MS});
    observer.observe(document, { attributes: true, childList: true, subtree: true });
    look();
  })`;
}

function selector(role: string, name: string): string {
  return `aria/${name}[role="${role}"]`;
}

/** As Chromium and Firefox name what is still being written. */
function isPartial(name: string): boolean {
  return /\.(?:crdownload|part)$|^\.(?:com|org)\./.test(name);
}
