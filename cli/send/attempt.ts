/** Calls on the paths of a sender, with the faults that their errors are. */
import { FaultError } from "../../protocol/wire/faults.ts";
import { errorCode, reasonOf } from "../system/system-error.ts";

/** The fault for what the system does not let be read. */
export function unreadable(path: string, cause: unknown): FaultError {
  return new FaultError("unreadable-file", `${path} (${reasonOf(cause)})`, { cause });
}

/** Undefined: it went away after its folder was listed, as files do that others work with. */
export function unlessGone<T>(path: string, call: () => T): T | undefined {
  try {
    return call();
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return undefined;
    throw cause instanceof FaultError ? cause : unreadable(path, cause);
  }
}

/** Says what is wrong with a path before anything is sent. */
export function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    if (cause instanceof FaultError) throw cause;
    const code = errorCode(cause);
    const missing = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];
    if (missing.includes(code ?? "")) throw new FaultError("no-such-file", path, { cause });
    if (code === "ENXIO") throw new FaultError("not-a-file", path, { cause });
    throw unreadable(path, cause);
  }
}
