/** The words of a ledger in S3 about its lease, and why it fails. */
import type { S3Events } from "../../relay/store/s3-ledger.ts";

export function hearing(): S3Events & { readonly heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    away: () => undefined,
    held: (by) => void heard.push(`held: ${by}`),
    lost: (by) => void heard.push(`lost: ${by}`),
  };
}

/** @throws if it does not fail */
export async function errorOf(failing: Promise<unknown>): Promise<Error> {
  const [result] = await Promise.allSettled([failing]);
  if (result.status === "fulfilled") throw new Error("it did not fail");
  return result.reason as Error;
}

/** @throws if it does not fail */
export async function messageOf(failing: Promise<unknown>): Promise<string> {
  return (await errorOf(failing)).message;
}
