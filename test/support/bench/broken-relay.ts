/** Stands between a load and a relay that works, and makes of it one that does not. */
import { decodeFrame, isFrame } from "../../../protocol/mod.ts";

/** Maps a frame on its way to a receiver to the frames that go on. */
export type Breakage = (frame: Uint8Array, index: number) => readonly Uint8Array[];

interface Line {
  readonly upstream: WebSocket;
  /** Messages of a client from before the line to the relay was open. */
  readonly early: Uint8Array[];
}

/** @param relay its address; @returns the address of what is broken */
export function breakRelay(
  relay: string,
  breakage: () => Breakage,
): AsyncDisposable & { url: string } {
  const server = Bun.serve<Line>({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request, server) {
      const upstream = new WebSocket(`${relay}/ws`);
      upstream.binaryType = "nodebuffer";
      const isUpgraded = server.upgrade(request, { data: { upstream, early: [] } });
      return isUpgraded ? undefined : new Response("", { status: 426 });
    },
    websocket: {
      data: {} as Line,
      open(socket) {
        const { upstream, early } = socket.data;
        const pass = breakage();
        upstream.addEventListener("open", () => {
          for (const message of early) upstream.send(message);
        });
        upstream.addEventListener("message", ({ data }: MessageEvent<Buffer>) => {
          const passed = isFrame(data) ? pass(data, decodeFrame(data).index) : [data];
          for (const message of passed) socket.sendBinary(message);
        });
        upstream.addEventListener("close", () => socket.close());
      },
      message({ data: { upstream, early } }, message) {
        if (typeof message === "string") return;
        if (upstream.readyState === WebSocket.OPEN) upstream.send(message);
        else early.push(new Uint8Array(message));
      },
      close: ({ data }) => data.upstream.close(),
    },
  });
  return {
    url: `ws://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** One frame of this index never comes, once. */
export function dropping(victim: number): Breakage {
  let isDone = false;
  return (frame, index) => {
    if (index !== victim || isDone) return [frame];
    isDone = true;
    return [];
  };
}

/** A frame comes after the one that follows it. */
export function swapping(victim: number): Breakage {
  let held: Uint8Array | undefined;
  return (frame, index) => {
    if (index === victim) {
      held = frame.slice();
      return [];
    }
    const both = held === undefined ? [frame] : [frame, held];
    held = undefined;
    return both;
  };
}

/** One bit of a frame is another. */
export function flipping(victim: number): Breakage {
  return (frame, index) => {
    if (index !== victim) return [frame];
    const changed = frame.slice();
    const at = Math.floor(changed.length / 2);
    changed[at] = changed[at]! ^ 1;
    return [changed];
  };
}
