/**
 * The TCP connections of the load. Every client of every system is connected and read here, so that none
 * gets other options or other pieces than the rest: Bun reads up to 512 KiB at once and copies them for us.
 */
import type { Socket } from "bun";

export interface LineEvents {
  data(bytes: Buffer): void;
  /** Everything that was written is with the kernel. */
  drained?(): void;
  closed(why: string): void;
}

/** @param url its scheme says whether it is over TLS; whose certificate it is doesn't matter to a load */
export async function openLine(
  { hostname, port, protocol }: URL,
  events: LineEvents,
): Promise<Socket> {
  const isSecure = protocol === "wss:" || protocol === "https:";
  const usable = Promise.withResolvers<void>();
  usable.promise.catch(() => undefined);
  if (!isSecure) usable.resolve();
  const socket = await Bun.connect({
    hostname,
    port: Number(port) || (isSecure ? 443 : 80),
    tls: isSecure && { rejectUnauthorized: false },
    socket: {
      // Before it nothing can be written.
      handshake: () => usable.resolve(),
      data: (_, bytes) => events.data(bytes),
      drain: () => events.drained?.(),
      close() {
        usable.reject(new Error("the line was closed"));
        events.closed("the line was closed");
      },
      error: (_, error) => events.closed(error.message),
    },
  });
  await usable.promise;
  return socket;
}
