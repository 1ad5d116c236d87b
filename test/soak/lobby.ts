/** A file through the open lobby, again and again, by HTTP: what comes has to be what went. */
const BYTES = 4 * 2 ** 20;
const WORD_BYTES = 8;
const RECEIVER_MS = 20_000;

/** Goes on until it is told to stop. @returns how many went through. @throws Error when one did not */
export async function lobbyChurn(url: string, signal: AbortSignal): Promise<number> {
  const bytes = new Uint8Array(BYTES);
  let count = 0;
  while (!signal.aborted) {
    crypto.getRandomValues(bytes.subarray(0, WORD_BYTES));
    const name = `soak-${count % 100}.bin`;
    const timeout = AbortSignal.timeout(RECEIVER_MS);
    const [got, put] = await Promise.all([
      fetch(`${url}/lobby/${name}`, { signal: timeout }).then((response) => response.bytes()),
      fetch(`${url}/lobby/${name}`, { method: "PUT", body: bytes, signal: timeout }),
    ]);
    await put.text();
    if (Bun.hash(got) !== Bun.hash(bytes))
      throw new Error("the lobby gave other bytes than it got");
    count++;
  }
  return count;
}
