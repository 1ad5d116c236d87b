import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { Native } from "../../../relay/system/native.ts";
import { TRIED_BYTES, createLogFile } from "../../../relay/log/store.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { hasNative } from "../../support/relay/log-rooms.ts";
import { RawCalls } from "../../support/relay/raw-calls.ts";

const opened: Native[] = [];

afterEach(() => {
  for (const native of opened.splice(0)) native.dispose();
});

function open(): Native {
  const native = Native.open();
  if (native === undefined) throw new Error("not on this machine");
  opened.push(native);
  return native;
}

describe.skipIf(!hasNative)("calls of the C library (GNU/Linux)", () => {
  test.each([
    { one: "127.0.0.1", other: "::ffff:127.0.0.1" },
    { one: "192.0.2.7", other: "::ffff:c000:207" },
    { one: "2001:db8::1", other: "2001:0DB8:0:0:0:0:0:1" },
  ])("call $one and $other the same", ({ one, other }) => {
    const native = open();
    expect(native.keyOf(one, 8000)).toEqual(native.keyOf(other, 8000));
    expect(native.keyOf(one, 8000)).not.toEqual(native.keyOf(other, 8001));
    expect(native.keyOf(one, 8000)).not.toEqual(native.keyOf("::1", 8000));
  });

  test.each(["", "localhost", "127.0.0", "127.0.0.1 ", "::1%lo", "/run/x"])(
    "know no address %j",
    (address) => {
      expect(open().keyOf(address, 1)).toBeUndefined();
    },
  );

  test("find no connection where there is none, and say so of other descriptors", () => {
    const native = open();
    const nobody = native.keyOf("127.0.0.1", 1)!;
    expect(native.find(nobody)).toBeUndefined();
    for (const descriptor of [0, 100_000]) expect(native.isPeer(descriptor, nobody)).toBe(false);
  });

  test("let a far connection follow the bandwidth where the kernel can, and leave a near one", async () => {
    const native = open();
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const accepted = once(server, "connection");
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    const [socket] = (await accepted) as [Socket];
    const peer = native.keyOf("127.0.0.1", socket.remotePort ?? 0)!;
    const ways = readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8");
    const allowed = readFileSync("/proc/sys/net/ipv4/tcp_allowed_congestion_control", "utf8");
    const list = process.getuid?.() === 0 ? ways : allowed;
    expect(native.followBandwidth(peer)).toBe(false);
    expect(native.followBandwidth(peer, 0)).toBe(/\bbbr\b/.test(list));
    expect(native.followBandwidth(native.keyOf("127.0.0.1", 1)!, 0)).toBe(false);
    socket.destroy();
    client.destroy();
    server.close();
  });

  test("tell connections from one address and port to two of ours apart", async () => {
    const native = open();
    await using stack = new AsyncDisposableStack();
    const servers = [createServer(), createServer()];
    const ports = await Promise.all(
      servers.map(async (server) => {
        stack.defer(() => void server.close());
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
        return (server.address() as AddressInfo).port;
      }),
    );
    const [own = 0, other = 0] = ports;
    using calls = new RawCalls();
    const accepted = servers.map((server) => once(server, "connection"));
    const toOwn = calls.connect(0, own);
    const from = calls.portOf(toOwn);
    const toOther = calls.connect(from, other);
    await Promise.all(accepted);
    const peer = native.keyOf("127.0.0.1", from)!;
    for (const [port, there] of [
      [own, toOwn],
      [other, toOther],
      [own, toOwn],
    ] as const) {
      native.ownPort = port;
      expect(native.send(native.find(peer)!, new Uint8Array([7]))).toBe(1);
      expect(calls.waiting(there)).toBe(1);
    }
  });

  test("work with a log's file, and not with what is none", () => {
    using folder = temporaryFolder();
    const log = createLogFile(folder.path, 2);
    const none = openSync("/dev/null", "r+");
    const readOnly = openSync("/proc/self/exe", "r");
    try {
      const native = open();
      expect(native.works(log, TRIED_BYTES)).toBe(true);
      // The same file again, and after the calls of another.
      expect(open().works(log, TRIED_BYTES)).toBe(true);
      expect(native.works(none, TRIED_BYTES)).toBe(false);
      expect(native.works(readOnly, TRIED_BYTES)).toBe(false);
      expect(native.works(100_000, TRIED_BYTES)).toBe(false);
    } finally {
      for (const descriptor of [log, none, readOnly]) closeSync(descriptor);
    }
  });

  test("leave nothing open", () => {
    const first = open();
    const { descriptors } = first;
    first.dispose();
    opened.pop();
    expect(open().descriptors).toEqual(descriptors);
  });
});
