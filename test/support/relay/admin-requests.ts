/** Requests of tests to an admin listener. */
import { request } from "node:http";

import type { Overview } from "../../../relay/admin/overview.ts";
import type { Admin, Relay } from "../../../relay/mod.ts";
import { until } from "../until.ts";

export function adminOf({ admin }: Relay): Admin {
  if (admin === undefined) throw new Error("the relay has no admin listener");
  return admin;
}

export function withToken(token: string): { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${token}` } };
}

export async function overviewOf({ url, token }: Admin): Promise<Overview> {
  const response = await fetch(`${url}/api/status`, withToken(token));
  if (!response.ok) throw new Error(`status: ${response.status} ${await response.text()}`);
  return (await response.json()) as Overview;
}

/** Asks until it is so. */
export async function overviewWhen(
  admin: Admin,
  isSo: (overview: Overview) => boolean,
): Promise<Overview> {
  let overview: Overview | undefined;
  await until(async () => isSo((overview = await overviewOf(admin))));
  return overview!;
}

/** A GET with headers of which `fetch` has its own idea, such as `host`. @returns the status */
export function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  request(url, { headers }, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  })
    .on("error", reject)
    .end();
  return promise;
}

/** Has an action done. */
export async function act(
  { url, token }: Admin,
  name: string,
  body: unknown,
): Promise<{ status: number; said: Record<string, unknown> }> {
  const response = await fetch(`${url}/api/${name}`, {
    method: "POST",
    body: JSON.stringify(body),
    ...withToken(token),
  });
  return { status: response.status, said: (await response.json()) as Record<string, unknown> };
}
