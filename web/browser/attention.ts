/**
 * The title and the icon of this tab, which tell a person in another tab about a transfer. Names of files
 * and the code never go into the title, because histories and other tabs show it.
 */

/** Pixels of the icon; browsers scale it. */
const ICON_PIXELS = 64;
const ICON_STROKE = 12;

/** The page as it looks without a transfer. */
interface Usual {
  readonly title: string;
  readonly icon: string;
  readonly iconType: string;
}

let usual: Usual | undefined;
let shown = "";

/**
 * Shows how far a transfer is.
 * @param part from 0 to 1; undefined: none runs, and the usual title comes back
 * @param words such as `Sending`
 */
export function showAttention(part: number | undefined, words: string): void {
  const icon = iconLink();
  usual ??= { title: document.title, icon: icon.href, iconType: icon.type };
  const percent = part === undefined ? 0 : Math.floor(Math.min(Math.max(part, 0), 1) * 100);
  const next = part === undefined ? words : `${percent} % ${words}`;
  // Browsers load the icon anew each time that it is set.
  if (next === shown) return;
  shown = next;
  document.title = next === "" ? usual.title : `${next} – ${usual.title}`;
  if (part === undefined) {
    icon.type = usual.iconType;
    icon.href = usual.icon;
    return;
  }
  const drawn = drawIcon(percent / 100);
  if (drawn === undefined) return;
  icon.type = "image/png";
  icon.href = drawn;
}

function iconLink(): HTMLLinkElement {
  const found = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (found !== null) return found;
  const link = document.createElement("link");
  link.rel = "icon";
  document.head.append(link);
  return link;
}

/** A ring that fills, in colours that show on light and dark tabs. */
function drawIcon(part: number): string | undefined {
  const canvas = document.createElement("canvas");
  canvas.width = ICON_PIXELS;
  canvas.height = ICON_PIXELS;
  const drawing = canvas.getContext("2d");
  if (drawing === null) return undefined;
  const middle = ICON_PIXELS / 2;
  const ring = (from: number, to: number, colour: string): void => {
    drawing.beginPath();
    drawing.strokeStyle = colour;
    drawing.lineWidth = ICON_STROKE;
    drawing.arc(middle, middle, middle - ICON_STROKE / 2, from, to);
    drawing.stroke();
  };
  const top = -Math.PI / 2;
  ring(0, 2 * Math.PI, "#9aa4b2");
  ring(top, top + 2 * Math.PI * part, "#2f6fed");
  return canvas.toDataURL("image/png");
}
