/** Abilities of this browser that decide how it can save a share. */
import { hasFilePicker, hasFolderPicker } from "./file-system.ts";
import { serviceWorker } from "./service-worker-client.ts";

export interface Abilities {
  /** The page came over https or from this device; else browsers give it none of the three below. */
  readonly isSecure: boolean;
  readonly hasFilePicker: boolean;
  readonly hasFolderPicker: boolean;
  /** The service worker is active, so the page can stream into the browser's own downloads. */
  readonly hasDownloads: boolean;
  /** Content that the browser can hold in memory. bytes */
  readonly memoryMost: number;
}

/** Chromium keeps Blobs of this size in memory before it needs the disk, and Safari fails beyond it. bytes */
export const MEMORY_MOST = 2 * 1024 ** 3;
/** Phones end a page that holds more; Safari on iPhones does so from about 1 GiB on. bytes */
const PHONE_MEMORY_MOST = 512 * 1024 ** 2;
/** Blobs may take this part of a device's memory: the system and the browser need the rest. */
const MEMORY_PART = 1 / 4;
/** A browser that is asked for its storage answers at once, or never in some private windows. ms */
const ESTIMATE_WITHIN = 1_000;

export async function abilities(): Promise<Abilities> {
  const [worker, free] = await Promise.all([serviceWorker(), freeBytes()]);
  return {
    isSecure: isSecureContext,
    hasFilePicker: hasFilePicker(),
    hasFolderPicker: hasFolderPicker(),
    hasDownloads: worker !== undefined,
    memoryMost: memoryMost(navigator, free),
  };
}

interface Device {
  readonly userAgent: string;
  /** GiB, at most 8; Chromium alone tells it, and to secure pages alone. */
  readonly deviceMemory?: number;
}

/** @param free bytes that the browser would store for this page; undefined: not told */
export function memoryMost({ userAgent, deviceMemory }: Device, free?: number): number {
  const isPhone = /Android|iPhone|iPad|Mobile/.test(userAgent);
  const ofDevice =
    deviceMemory === undefined ? Number.POSITIVE_INFINITY : deviceMemory * 1024 ** 3 * MEMORY_PART;
  return Math.min(
    isPhone ? PHONE_MEMORY_MOST : MEMORY_MOST,
    ofDevice,
    free ?? Number.POSITIVE_INFINITY,
  );
}

async function freeBytes(): Promise<number | undefined> {
  const storage = (navigator as Partial<Navigator>).storage;
  if (typeof storage?.estimate !== "function") return undefined;
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ESTIMATE_WITHIN);
  try {
    const estimate = await Promise.race([storage.estimate(), late]);
    const { quota, usage } = estimate ?? {};
    return quota === undefined ? undefined : Math.max(0, quota - (usage ?? 0));
  } catch {
    // A browser that refuses the question tells nothing, like one without the interface.
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
