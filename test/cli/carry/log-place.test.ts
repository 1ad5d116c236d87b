/** The folder and the size of a carried relay's log. */
import { expect, test } from "bun:test";

import { logPlace } from "../../../cli/carry/log-place.ts";

const MIB = 1024 ** 2;

test.each([
  { what: "a folder with room", rooms: [10_000, 10_000], logFolder: "0", logBytes: 256 },
  { what: "one that is nearly full", rooms: [5, 10_000], logFolder: "1", logBytes: 256 },
  { what: "one that is not there", rooms: [undefined, 300], logFolder: "1", logBytes: 150 },
  { what: "the roomiest of full ones", rooms: [60, 100], logFolder: "1", logBytes: 50 },
  { what: "the least for a relay", rooms: [1, 0], logFolder: "0", logBytes: 16 },
  { what: "none at all", rooms: [undefined, undefined], logFolder: "0", logBytes: 16 },
])("$what: folder $logFolder, $logBytes MiB", ({ rooms, logFolder, logBytes }) => {
  const roomOf = (folder: string): number | undefined => {
    const room = rooms[Number(folder)];
    return room === undefined ? undefined : room * MIB;
  };
  expect(logPlace(["0", "1"], roomOf)).toEqual({ logFolder, logBytes: logBytes * MIB });
});
