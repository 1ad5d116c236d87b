import { encodeQR } from "qr";

/** Modules around the code that have to stay light. */
const QUIET_ZONE = 2;
// Black on white of the 256 colours, which no theme changes.
const COLORS = "\u001B[38;5;16;48;5;231m";
const RESET = "\u001B[0m";

/**
 * A text as a QR code, two rows of modules a line. Without colours the light modules are drawn, as
 * on most terminals without them the background is dark.
 */
export function qrLines(text: string, color: boolean): string[] {
  const modules = encodeQR(text, "raw", { ecc: "low", border: QUIET_ZONE });
  const lines: string[] = [];
  for (let y = 0; y < modules.length; y += 2) {
    const upper = modules[y] ?? [];
    const lower = modules[y + 1] ?? [];
    const drawn = (dark = false): boolean => (color ? dark : !dark);
    const line = upper.map((dark, x) => halves(drawn(dark), drawn(lower[x])));
    lines.push(color ? COLORS + line.join("") + RESET : line.join(""));
  }
  return lines;
}

function halves(upper: boolean, lower: boolean): string {
  if (upper) return lower ? "█" : "▀";
  return lower ? "▄" : " ";
}
