/** An edge's words to the owner's store about its receivers, and the same words of a worker to the store of its relay. */
import { fromHex, toHex } from "../../protocol/mod.ts";
import type { EdgeDownload } from "../cluster/wire.ts";
import type { ToStoreBook } from "./messages.ts";

export type DownloadWord = Extract<ToStoreBook, { t: "begun" | "finishing" | "download" }>;

export function toEdgeDownload(word: DownloadWord): EdgeDownload {
  const share = fromHex(word.key) ?? new Uint8Array(16);
  switch (word.t) {
    case "finishing":
      return { t: "finishing", share };
    case "begun": {
      const { address, isOver } = word;
      const receiver = fromHex(word.receiver) ?? new Uint8Array(16);
      return { t: "begun", share, receiver, isOver, ...(address !== undefined && { address }) };
    }
    case "download":
      return { t: "download", share, wasServed: word.wasServed, ...word.receipt };
  }
}

export function fromEdgeDownload(message: EdgeDownload, worker: number): DownloadWord {
  const key = toHex(message.share);
  switch (message.t) {
    case "finishing":
      return { t: "finishing", worker, key };
    case "begun": {
      const { address, isOver } = message;
      return { t: "begun", worker, key, receiver: toHex(message.receiver), address, isOver };
    }
    case "download": {
      const { receiver, records, mac, unconfirmed, wasServed } = message;
      const receipt = { receiver, records, mac, ...(unconfirmed && { unconfirmed }) };
      return { t: "download", worker, key, receipt, wasServed };
    }
  }
}
