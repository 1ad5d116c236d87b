/** Bundles the page. */
export interface PageFile {
  /** Below the address of the page, such as `page/app-3f2a.js`; empty for the page itself. */
  readonly path: string;
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** The files of the page, bundled. */
export async function pageFiles(): Promise<readonly PageFile[]> {
  await Promise.resolve();
  return [];
}
