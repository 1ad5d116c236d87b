/** The first import of the library: it refuses a runtime that would fail later, without words. */
import { whyUnsupported } from "../system/supported.ts";

const why = whyUnsupported(process.versions);
if (why !== undefined) throw new Error(why);
