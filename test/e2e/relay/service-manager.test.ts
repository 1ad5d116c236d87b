/** The messages of a relay to its service manager, at a socket like systemd's. */
import { describe, expect, test } from "bun:test";
import { FFIType, dlopen, ptr } from "bun:ffi";

import { notifyServiceManager } from "../../../cli/operator/service-manager.ts";
import { EXIT } from "../../../protocol/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { start } from "../../support/clients/program.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 0o4002;

/** The datagrams to a socket of that name, read through libc: Bun has no datagram sockets of that kind. */
function listenAt(name: string): Disposable & { next(): Promise<string> } {
  const { symbols } = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: FFIType.i64_fast },
    close: { args: ["i32"], returns: "i32" },
  });
  const descriptor = symbols.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
  const address = Buffer.concat([Uint8Array.of(AF_UNIX, 0), Buffer.from(name)]);
  expect(symbols.bind(descriptor, ptr(address), address.length)).toBe(0);
  const bytes = Buffer.alloc(4096);
  return {
    async next() {
      for (;;) {
        const length = Number(symbols.recv(descriptor, ptr(bytes), bytes.length, 0));
        if (length > 0) return bytes.toString("utf8", 0, length);
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
    [Symbol.dispose]: () => void symbols.close(descriptor),
  };
}

describe.skipIf(process.platform !== "linux")("a service manager", () => {
  test.each([
    ["by a path", (folder: string) => [`${folder}/notify`, `${folder}/notify\0`]],
    ["by an abstract name", () => [`@fileshare-${process.pid}`, `\0fileshare-${process.pid}`]],
  ])("is told %s that the relay listens, and that it ends", async (_how, names) => {
    using folder = temporaryFolder();
    const [said = "", bound = ""] = names(folder.path);
    using manager = listenAt(bound);
    const port = ["--host", "127.0.0.1", "--port", "0"];
    const args = ["relay", ...port, "--admin", "off", "--drain", "20", "--json"];
    const child = start(args, { env: { NOTIFY_SOCKET: said } });
    expect(await manager.next()).toMatch(/^READY=1\nSTATUS=Listens at ws:\/\/127\.0\.0\.1:\d+$/);
    child.kill("SIGTERM");
    const ending = ["STOPPING=1", "STATUS=Transfers have 20 s to end"];
    expect(await manager.next()).toBe([...ending, "EXTEND_TIMEOUT_USEC=30000000"].join("\n"));
    expect(await child.exited).toBe(EXIT.done);
  });

  test.each([
    {},
    { NOTIFY_SOCKET: "" },
    { NOTIFY_SOCKET: "vsock:2:1" },
    { NOTIFY_SOCKET: "/none" },
  ])("that is none is told nothing: %j", (env) => {
    expect(notifyServiceManager(["READY=1"], env)).toBe(false);
  });
});
