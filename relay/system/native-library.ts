/** The C library of Linux, and what `Native` calls of it. */
import { existsSync } from "node:fs";
import { FFIType, dlopen } from "bun:ffi";

/** The name that glibc has. The loader of musl gives its own library for it. */
const LIBRARY = "libc.so.6";

const symbols = {
  sendfile: { args: ["i32", "i32", "ptr", "u64"], returns: FFIType.i64_fast },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: FFIType.i64_fast },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: FFIType.i64_fast },
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  getpeername: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  inet_pton: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  shutdown: { args: ["i32", "i32"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  fallocate: { args: ["i32", "i32", "i64", "i64"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
} as const;

export type Library = ReturnType<typeof dlopen<typeof symbols>>["symbols"];

/** Opens the C library; undefined where there is none of Linux, or no /proc that names the descriptors of sockets. */
export function loadLibrary(): Library | undefined {
  if (process.platform !== "linux") return undefined;
  if (process.arch !== "x64" && process.arch !== "arm64") return undefined;
  if (!existsSync("/proc/self/fd")) return undefined;
  try {
    return dlopen(LIBRARY, symbols).symbols;
  } catch {
    // Another C library: no reason to fail, only to be slower.
    return undefined;
  }
}
