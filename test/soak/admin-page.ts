/** The relay's admin page in a real browser, open for as long as the soak takes. */
import { findChromium, startChromium, type Browser, type Tab } from "../support/chromium.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const PICTURE = { width: 1280, height: 1150 };

/** The status of the relay that left its ticket in `runtime`: a link to its page, or an overview. */
export async function statusOf(runtime: string, option: "--page" | "--json"): Promise<string> {
  const child = Bun.spawn([process.execPath, MAIN, "relay", "status", option], {
    env: { ...process.env, XDG_RUNTIME_DIR: runtime, FILESHARE_CONFIG: "" },
    stdout: "pipe",
    stderr: "inherit",
  });
  return (await child.stdout.text()).trim();
}

export class AdminPage implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #tab: Tab;

  private constructor(browser: Browser, tab: Tab) {
    this.#browser = browser;
    this.#tab = tab;
  }

  /**
   * @param runtime folder in which the relay left its address and token
   * @returns undefined where there is no browser
   */
  static async open(runtime: string): Promise<AdminPage | undefined> {
    const program = findChromium();
    if (program === undefined) return undefined;
    const link = await statusOf(runtime, "--page");
    const browser = await startChromium(program);
    try {
      return new AdminPage(browser, await browser.open(link));
    } catch (error) {
      await browser[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Errors and warnings of its console. */
  get complaints(): readonly string[] {
    return this.#tab.complaints;
  }

  /** A PNG of it. */
  picture(): Promise<Uint8Array> {
    return this.#tab.picture(PICTURE.width, PICTURE.height);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser[Symbol.asyncDispose]();
  }
}
