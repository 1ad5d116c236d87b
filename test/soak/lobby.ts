/** A file through the open lobby, again and again, by HTTP: what comes has to be what went. */
const BYTES = 4 * 2 ** 20;
const WORD_BYTES = 8;
/** ms that one may take, on a machine that has much else to do */
const FILE_MS = 30_000;

/** Goes on until it is told to stop. @returns how many went through. @throws Error when one did not */
export async function lobbyChurn(url: string, signal: AbortSignal): Promise<number> {
  const bytes = new Uint8Array(BYTES);
  let count = 0;
  while (!signal.aborted) {
    crypto.getRandomValues(bytes.subarray(0, WORD_BYTES));
    await through(`${url}/lobby/soak-${count % 100}.bin`, bytes);
    count++;
  }
  return count;
}

/** Both sides of one file. A timeout names the last answer of each side. */
async function through(url: string, bytes: Uint8Array): Promise<void> {
  const timeout = AbortSignal.timeout(FILE_MS);
  const heard = { get: "nothing", put: "nothing" };
  const taking = async (): Promise<void> => {
    const response = await fetch(url, { signal: timeout });
    heard.get = `${response.status}`;
    const got = await response.bytes();
    if (response.status === 200 && Bun.hash(got) === Bun.hash(bytes)) return;
    throw new Error(`the lobby gave ${response.status} and ${got.length} bytes that were not sent`);
  };
  const giving = async (): Promise<void> => {
    const response = await fetch(url, { method: "PUT", body: bytes, signal: timeout });
    heard.put = `${response.status}`;
    const decoder = new TextDecoder();
    const body: AsyncIterable<Uint8Array> | null = response.body;
    for await (const chunk of body ?? []) {
      heard.put += ` ${decoder.decode(chunk, { stream: true })}`;
    }
    if (!heard.put.endsWith("sent: to 1 receiver that can't say that it saved it\n"))
      throw new Error(heard.put);
  };
  try {
    await Promise.all([taking(), giving()]);
  } catch (error) {
    const what = `${url}: the receiver heard ${heard.get}, the sender ${heard.put}`;
    throw new Error(what, { cause: error });
  }
}
