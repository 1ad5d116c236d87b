import { FaultError, type FaultCode } from "../../protocol/wire/faults.ts";
import { quoted } from "../../protocol/wire/display.ts";

/** The file of a send is not what it was. The message is a whole sentence for the person who sends. */
export class SourceFault extends FaultError {
  readonly sentence: string;

  constructor(code: FaultCode, sentence: string, options?: ErrorOptions) {
    super(code, undefined, options);
    this.sentence = sentence;
  }
}

export function changedFile(path: string, cause?: unknown): SourceFault {
  const sentence = `The file ${quoted(path)} changed while it was being sent, so the share ended. Wait until the file is complete, then send it again.`;
  return new SourceFault("source-changed", sentence, { cause });
}

/** As a browser reports the failure of a read. */
export function unreadFile(path: string, cause: unknown): SourceFault {
  switch (cause instanceof DOMException ? cause.name : "") {
    case "NotFoundError":
      return new SourceFault(
        "source-changed",
        `The file ${quoted(path)} was moved or deleted while it was being sent, so the share ended. Choose it again where it is now.`,
        { cause },
      );
    // Browsers say the same of a file that changed and of one that they may not read any more.
    case "NotReadableError":
      return new SourceFault(
        "source-changed",
        `The file ${quoted(path)} changed, or cannot be read any more, so the share ended. Wait until the file is complete, then send it again.`,
        { cause },
      );
    default:
      return new SourceFault(
        "source-unreadable",
        `The browser could not read the file ${quoted(path)} to its end: it may have been moved, deleted or locked. So the share ended. Check that the file opens, then send it again.`,
        { cause },
      );
  }
}

/** @param path of the first file that differs; undefined: files are missing or new */
export function otherFiles(path: string | undefined): SourceFault {
  const what =
    path === undefined
      ? "These are not the files of the send before"
      : `The file ${quoted(path)} is not what it was in the send before`;
  return new SourceFault("source-changed", `${what}, so that send cannot go on. Start a new send.`);
}
