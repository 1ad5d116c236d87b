import { expect, test } from "bun:test";
import { decrypt, encrypt } from "http_ece";
import {
  bodyHeader,
  concat,
  decodeBody,
  decodeFrame,
  decodeManifest,
  manifestLength,
  MANIFEST_LENGTH_BYTES,
  RECORD_SIZE,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { startRelay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { RawClient } from "../../support/relay/raw-client.ts";
import { newCode, send } from "../../support/clients/clients.ts";
import { content, headBytes, makeFile } from "../../support/files.ts";
import { keysOf } from "../../support/clients/known-codes.ts";

test.each([{ size: 0 }, { size: 3_500_000 }])(
  "RFC 8188: http_ece reads $size bytes from the frames of a real relay",
  async ({ size }) => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const file = makeFile(folder.path, "a.bin", size);
    const code = newCode();
    const keys = keysOf(code);
    await using sender = send({ relay: `${relay.url}/ws`, code, path: file.path });
    await using client = await RawClient.greeted(`${relay.url}/ws`, "receiver", keys);
    const [offer] = (await client.when("offers", ({ list }) => list.length > 0)).list;
    const { share, records, recordSize } = offer!;
    client.onFrame = () => client.ack(share, client.frames.length, 2);
    client.join(share, 0, 2);
    await client.frame(records - 1);

    const frames = client.frames.map(decodeFrame);
    expect(frames.map(({ index }) => index)).toEqual([...Array(records).keys()]);
    expect(recordSize).toBe(RECORD_SIZE);
    const body = concat(
      bodyHeader(share, recordSize),
      ...frames.map(({ ciphertext }) => ciphertext),
    );
    const plain = decrypt(Buffer.from(body), { version: "aes128gcm", key: keys.content });
    const head = MANIFEST_LENGTH_BYTES + manifestLength(plain);
    expect(head).toBe(headBytes(file.path));
    const manifest = decodeManifest(plain.subarray(MANIFEST_LENGTH_BYTES, head), offer!);
    expect(manifest.files).toMatchObject([{ path: "a.bin", size }]);
    // And that it is whole.
    expect(plain.subarray(head).equals(concat(file.bytes, new Uint8Array(1)))).toBe(true);
    expect(sender.all("source")).toMatchObject([{ records }]);
    client.send({ t: "leave", share, reason: "declined" });
  },
);

test("RFC 8188: ciphertext that http_ece wrote in records of our size is read here", () => {
  const plain = content(5, 3_000_000);
  const key = nodePrimitives.randomBytes(16);
  const salt = nodePrimitives.randomBytes(16);
  const body = encrypt(Buffer.from(plain), { version: "aes128gcm", key, salt, rs: RECORD_SIZE });
  const read = decodeBody(new Uint8Array(body), key, nodePrimitives, RECORD_SIZE);
  expect(read.salt).toEqual(salt);
  expect(read.plaintext).toEqual(plain);
});
