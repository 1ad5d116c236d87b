/** The head of a download: names of a sender end up in a header. */
import { describe, expect, test } from "bun:test";

import { contentDisposition, downloadHeaders } from "../../../web/service/attachment.ts";

describe("the header of a download", () => {
  test("has a plain name as it is", () => {
    expect(contentDisposition("notes.txt")).toBe(
      `attachment; filename="notes.txt"; filename*=UTF-8''notes.txt`,
    );
  });

  test("encodes names in other scripts by RFC 8187", () => {
    expect(contentDisposition("naïve 写真.jpg")).toBe(
      `attachment; filename="na_ve __.jpg"; filename*=UTF-8''na%C3%AFve%20%E5%86%99%E7%9C%9F.jpg`,
    );
  });

  test.each([
    'a"; filename="b.exe',
    "a\r\nSet-Cookie: x=1",
    "a\\",
    "50%.txt",
    "it's (1)*.txt",
    "a;b,c.txt",
    "\u{1F600}\uD800.txt",
  ])("lets no name end the value: %j", (name) => {
    const header = contentDisposition(name);
    expect(header).toMatch(
      /^attachment; filename="[^"\\%\r\n]*"; filename\*=UTF-8''(?:[\w.!#$&+^`|~-]|%[0-9A-F]{2})*$/,
    );
    const encoded = header.slice(header.indexOf("''") + 2);
    expect(decodeURIComponent(encoded)).toBe(name.toWellFormed());
    expect(new Headers({ "Content-Disposition": header }).get("Content-Disposition")).toBe(header);
  });

  test("says the length only where it is known", () => {
    expect(downloadHeaders("a", 0)["Content-Length"]).toBe("0");
    expect(downloadHeaders("a", undefined)["Content-Length"]).toBeUndefined();
  });

  test("lets nothing in the content run", () => {
    const headers = downloadHeaders("a.html", 3);
    expect(headers["Content-Type"]).toBe("application/octet-stream");
    expect(headers["X-Content-Type-Options"]).toBe("nosniff");
    expect(headers["Content-Security-Policy"]).toBe("default-src 'none'; sandbox");
  });
});
