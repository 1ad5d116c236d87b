/** The page as files, for the relay that serves it. */
export { pageFiles, type PageFile } from "./build.ts";
