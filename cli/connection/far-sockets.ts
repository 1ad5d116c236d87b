/**
 * The congestion control of this process's sockets to a relay that is far away. CUBIC takes each lost packet for
 * congestion; BBR follows the bandwidth. Bun shows no descriptor of a WebSocket, so the socket is found by its peer.
 * Linux with glibc alone: elsewhere a sender is as fast as its system lets it be.
 */
import { readdirSync } from "node:fs";

const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;
const AF_INET = 2;
const AF_INET6 = 10;
/** sizeof(struct sockaddr_storage). bytes */
const ADDRESS_BYTES = 128;
const CONGESTION = Buffer.from("bbr");

/**
 * From now on what is sent to this port by sockets that are open follows the bandwidth of the path.
 * @returns the sockets that do: the kernel may not have that way, or not allow it
 */
export async function followBandwidth(port: number): Promise<number> {
  if (process.platform !== "linux" || process.versions["bun"] === undefined) return 0;
  try {
    const { FFIType, dlopen, ptr } = await import("bun:ffi");
    const library = dlopen("libc.so.6", {
      getpeername: { args: ["i32", "ptr", "ptr"], returns: FFIType.i32 },
      setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: FFIType.i32 },
    });
    const { getpeername, setsockopt } = library.symbols;
    const address = new DataView(new ArrayBuffer(ADDRESS_BYTES));
    const length = new Uint32Array(1);
    const isThere = (socket: number): boolean => {
      length[0] = ADDRESS_BYTES;
      if (getpeername(socket, ptr(address.buffer), ptr(length)) !== 0) return false;
      const family = address.getUint16(0, true);
      return (family === AF_INET || family === AF_INET6) && address.getUint16(2) === port;
    };
    const name = ptr(CONGESTION);
    const follow = (socket: number): boolean =>
      setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, CONGESTION.length) === 0;
    const sockets = readdirSync("/proc/self/fd").map(Number).filter(isThere);
    const count = sockets.filter(follow).length;
    library.close();
    return count;
  } catch {
    // Another C library, or no /proc: no reason to fail, only to be slower.
    return 0;
  }
}
