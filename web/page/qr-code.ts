/** A text as a QR code: black on white in every theme, as cameras want it. */
import { encodeQR } from "qr";

/** Modules around the code that stay light. */
const QUIET_ZONE = 3;

export function qrCode(text: string): Blob {
  const svg = encodeQR(text, "svg", { ecc: "low", border: QUIET_ZONE });
  return new Blob([svg], { type: "image/svg+xml" });
}
