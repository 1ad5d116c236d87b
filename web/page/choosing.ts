/** Files as browsers give them: from an input, a drop, a paste. */
import type { ChosenFile } from "../job/send-messages.ts";

export function filesOfInput(files: Iterable<File>): readonly ChosenFile[] {
  return Array.from(files, (file) => ({
    path: file.webkitRelativePath === "" ? file.name : file.webkitRelativePath,
    file,
  }));
}

export function filesOfDrop(transfer: DataTransfer): Promise<readonly ChosenFile[]> {
  return Promise.resolve(filesOfInput(transfer.files));
}

export function filesOfPaste(transfer: DataTransfer): readonly ChosenFile[] {
  return filesOfInput(transfer.files);
}
