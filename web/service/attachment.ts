/** The head of a response that a browser saves as a file. */

/** Browsers cut longer names; 255 bytes is the most of common file systems. */
const FALLBACK_CHARACTERS = 200;

/**
 * `Content-Disposition` by RFC 6266: a plain name for old programs, and the whole name by RFC 8187.
 * No character of the name can end the header, because all but letters, digits and a few marks is encoded.
 */
export function contentDisposition(name: string): string {
  const plain = name.replaceAll(/[^ !#$&+\-.0-9A-Z^_`a-z{}~()[\]]/g, "_");
  const encoded = encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain.slice(0, FALLBACK_CHARACTERS)}"; filename*=UTF-8''${encoded}`;
}

/** @param size bytes; undefined: not known */
export function downloadHeaders(name: string, size: number | undefined): Record<string, string> {
  return {
    "Content-Type": "application/octet-stream",
    "Content-Disposition": contentDisposition(name),
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    ...(size === undefined ? {} : { "Content-Length": String(size) }),
  };
}
