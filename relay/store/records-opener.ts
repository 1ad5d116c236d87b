import { diskOpener } from "./disk-records.ts";
import { RecordBuffers } from "./record-buffers.ts";
import type { OpenRecords, StorePlace } from "./record-store.ts";
import type { MayWrite, OnAway } from "./s3-bucket.ts";
import { S3Store } from "./s3-records.ts";

/**
 * Opens the stored records of one worker.
 * @param may the right to write into a bucket that other relays use too
 */
export function recordsOpener(place: StorePlace, onAway: OnAway, may?: MayWrite): OpenRecords {
  if (place.kind === "s3") return new S3Store(place, onAway, undefined, may).open;
  return diskOpener(place.folder, new RecordBuffers());
}
