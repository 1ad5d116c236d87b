/** The screen that fits: for programs, for terminals, or lines for everything else. */
import { canAsk } from "./own-terminal.ts";
import { holdTerminal, showCursorAtExit } from "./suspension.ts";
import { asciiMarks, hasColor, showsUtf8 } from "./style.ts";
import { JsonScreen } from "./json.ts";
import { nobodyToAsk, type Ask, type Screen, type Setting } from "./screen.ts";

export type { Screen, Setting } from "./screen.ts";

/** Loads only what the kind of output needs. */
export async function openScreen(
  setting: Setting,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
): Promise<Screen> {
  const { stdout, stderr, env } = process;
  // Where the content goes to the one output, all that is said goes to the other.
  const said = setting.stdout === true ? stderr : stdout;
  const write = (text: string): void => void said.write(text);
  const now = (): number => performance.now();
  if (json) return new JsonScreen(setting, write);
  const marks = showsUtf8(env, process.platform) ? (text: string): string => text : asciiMarks;
  const out = (text: string): void => write(marks(text));
  const err = (text: string): void => void stderr.write(marks(text));
  const { askAboutOffer, askWithOffer } = await import("./ask-offer.ts");
  const askFor = (asks: typeof askAboutOffer): Ask | undefined =>
    canAsk() ? asks(setting) : undefined;
  if (quiet) {
    const { QuietScreen } = await import("./plain.ts");
    return new QuietScreen(setting, { out, err, ask: askFor(askWithOffer) });
  }
  if (setting.stdout === true || !stdout.isTTY || env["TERM"] === "dumb") {
    const { PlainScreen } = await import("./plain.ts");
    const ask = askFor(stdout.isTTY ? askAboutOffer : askWithOffer);
    return new PlainScreen(setting, { out, err, now, ask });
  }
  const [{ TerminalScreen }, { terminalSurface }] = await Promise.all([
    import("./terminal.ts"),
    import("./painter.ts"),
  ]);
  showCursorAtExit(stdout);
  const surface = terminalSurface(stdout, marks);
  const nobody: Ask = (offer) => Promise.resolve(nobodyToAsk(offer, setting));
  const ask = askFor(askAboutOffer) ?? nobody;
  const color = hasColor(true, env);
  const screen = new TerminalScreen(setting, { surface, err, color, now, ask });
  // Until the process ends.
  holdTerminal(screen);
  return screen;
}
