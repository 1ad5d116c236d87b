/**
 * Tells a service manager such as systemd of a relay's life, as sd_notify(3) has it: datagrams
 * to the socket that NOTIFY_SOCKET names. Bun knows no such sockets, so libc's are called; where there
 * is none, or nobody asked, nothing is told.
 */
import { FFIType, dlopen, ptr } from "bun:ffi";

import type { Environment } from "../system/shell.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
const MSG_NOSIGNAL = 0x4000;
/** sizeof(sun_path). bytes */
const PATH_BYTES = 108;

const symbols = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: FFIType.i64_fast },
  close: { args: ["i32"], returns: "i32" },
} as const;

/** @param lines such as `READY=1`. @returns whether a service manager took them */
export function notifyServiceManager(
  lines: readonly string[],
  env: Environment = process.env,
): boolean {
  const address = addressOf(env["NOTIFY_SOCKET"] ?? "");
  const libc = address === undefined ? undefined : load();
  if (address === undefined || libc === undefined) return false;
  const descriptor = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const text = Buffer.from(lines.join("\n"));
  const to = [ptr(address), address.length] as const;
  const sent = libc.sendto(descriptor, ptr(text), text.length, MSG_NOSIGNAL, ...to);
  libc.close(descriptor);
  return Number(sent) === text.length;
}

function load() {
  if (process.platform !== "linux") return undefined;
  try {
    return dlopen("libc.so.6", symbols).symbols;
  } catch {
    return undefined; // another libc
  }
}

/** struct sockaddr_un, as long as its name is; `@` stands for the zero of an abstract one. */
function addressOf(name: string): Buffer | undefined {
  const path = Buffer.from(name);
  if (!/^[/@]/.test(name) || path.length >= PATH_BYTES) return undefined;
  if (name.startsWith("@")) path[0] = 0;
  const family = new Uint8Array(Uint16Array.of(AF_UNIX).buffer);
  const end = name.startsWith("@") ? 0 : 1;
  return Buffer.concat([family, path, new Uint8Array(end)]);
}
