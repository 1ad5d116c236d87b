/** Faults of saving. `web/client/fault-texts.ts` has the sentences. */
import { FaultError } from "../../protocol/wire/faults.ts";

/** The fault of an error that the browser gave while the page wrote. */
export function saveFault(error: unknown): FaultError {
  if (error instanceof FaultError) return error;
  const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
  switch (name) {
    case "QuotaExceededError":
      return new FaultError("disk-full", undefined, { cause: error });
    case "NotAllowedError":
    case "SecurityError":
      return fault("the browser does not let this page write there any more");
    case "NotFoundError":
      return fault("the file or its folder was moved or removed");
    case "NoModificationAllowedError":
    case "InvalidModificationError":
      return fault("another program or tab holds the file");
    default:
      return fault(message);
  }

  function fault(detail: string): FaultError {
    return new FaultError("write-failed", detail, { cause: error });
  }
}

/** Some files are not what was offered, and one file, download or ZIP holds them. */
export function unsoundFault(): FaultError {
  return new FaultError("source-changed", "nothing was saved as complete");
}
