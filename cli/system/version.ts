/** The version of this program, and the build that it is. */
import manifest from "../../package.json" with { type: "json" };

/** `deploy/build/binary.ts` puts the target and the commit in its place. */
declare const FILESHARE_BUILD: string | undefined;

const BUILD = typeof FILESHARE_BUILD === "undefined" ? "from its sources" : FILESHARE_BUILD;

/** Such as `0.1.0 (linux-x64, 197df82e1c2f)`. Scripts read the first word. */
export const VERSION = `${manifest.version} (${BUILD})`;
