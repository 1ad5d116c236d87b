/** The share of a send: a new one, or the one that a reload interrupted. */
import {
  checkWords,
  isLobby,
  isOwnCode,
  makeCode,
  parseSenderCode,
  type Code,
} from "../../protocol/code/code.ts";
import type { EncodedManifest } from "../../protocol/content/encode-manifest.ts";
import { recordCipher, type RecordCipher } from "../../protocol/content/record.ts";
import type { Primitives } from "../../protocol/crypto/crypto.ts";
import {
  capabilityOf,
  deriveKeys,
  PROOF_BYTES,
  shareIdFromProof,
  type Keys,
} from "../../protocol/crypto/keys.ts";
import { fromHex, toHex } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { SealedTags, type KeptSend, type KeptSends } from "../browser/kept-sends.ts";
import type { SendJob } from "../job/send-messages.ts";
import { ChosenContent } from "./chosen-content.ts";
import { SealLog } from "./seal-log.ts";
import { otherFiles, SourceFault } from "./source-fault.ts";

/** Bytes of the random id by which a worker owns a kept send. */
const OWNER_BYTES = 16;

export interface OpenShare {
  /** As the person set them, or as they were when the kept send began. */
  readonly options: Pick<SendJob, "receivers" | "stay" | "startWhen" | "ask" | "toStore">;
  readonly content: ChosenContent;
  readonly code: Code;
  readonly keys: Keys;
  readonly proof: Uint8Array;
  readonly share: Uint8Array;
  readonly capability: Uint8Array;
  readonly encoded: EncodedManifest;
  readonly cipher: RecordCipher;
  readonly log: SealLog;
  /** Receivers that had everything before the reload. */
  readonly doneBefore: readonly Uint8Array[];
  /** Records that left before the reload. */
  readonly sentBefore: number;
}

interface ShareTools {
  readonly primitives: Primitives;
  readonly kept: KeptSends;
  /** ms */
  readonly clock: () => number;
}

/** @throws FaultError when it can't be sent */
export async function openShare(job: SendJob, tools: ShareTools): Promise<OpenShare> {
  return job.resume === undefined ? await begin(job, tools) : await goOn(job, job.resume, tools);
}

async function begin(job: SendJob, tools: ShareTools): Promise<OpenShare> {
  const { primitives } = tools;
  const code = codeOf(job, primitives);
  const content = new ChosenContent(job.content);
  const proof = primitives.randomBytes(PROOF_BYTES);
  const share = await shareIdFromProof(proof, primitives);
  const apart = job.startWhen > 1 || job.ask;
  const encoded = content.describe(share, apart);
  const owner = toHex(primitives.randomBytes(OWNER_BYTES));
  const { files, bytes } = encoded.manifest;
  const send: KeptSend = {
    share: toHex(share),
    proof: toHex(proof),
    code,
    relay: job.relay,
    kind: content.kind,
    text: job.content.kind === "text" ? job.content.text : undefined,
    name: files[0]?.path.split("/")[0] ?? "",
    files: files.length,
    bytes,
    receivers: job.receivers,
    stay: job.stay,
    startWhen: job.startWhen,
    ask: job.ask,
    toStore: job.toStore,
    apart,
    since: Date.now(),
  };
  const isKept = await keep(tools.kept, send, encoded.head, owner);
  const keeping = isKept ? { sends: tools.kept, share: send.share, owner } : undefined;
  return {
    ...(await ciphersOf(code, share, primitives)),
    options: job,
    content,
    code,
    proof,
    share,
    encoded,
    log: new SealLog(new SealedTags(), keeping, tools.clock()),
    doneBefore: [],
    sentBefore: 0,
  };
}

async function goOn(job: SendJob, hex: string, tools: ShareTools): Promise<OpenShare> {
  const { primitives } = tools;
  const owner = toHex(primitives.randomBytes(OWNER_BYTES));
  const claimed = await tools.kept.claim(hex, owner).catch(() => undefined);
  if (claimed === undefined) {
    const sentence = "This browser has forgotten that send, so it cannot go on. Start a new send.";
    throw new SourceFault("no-such-share", sentence);
  }
  const { send, head, tags, done } = claimed;
  const proof = fromHex(send.proof) ?? new Uint8Array();
  const share = await shareIdFromProof(proof, primitives);
  const code = parseSenderCode(send.code);
  const content = new ChosenContent(job.content);
  if (content.kind !== send.kind) throw otherFiles(undefined);
  const encoded = content.describe(share, send.apart);
  content.compare(head);
  return {
    ...(await ciphersOf(code, share, primitives)),
    options: send,
    content,
    code,
    proof,
    share,
    encoded,
    log: new SealLog(tags, { sends: tools.kept, share: hex, owner }, tools.clock()),
    doneBefore: done.flatMap((receiver) => fromHex(receiver) ?? []),
    sentBefore: tags.end,
  };
}

async function ciphersOf(
  code: Code,
  share: Uint8Array,
  primitives: Primitives,
): Promise<Pick<OpenShare, "keys" | "cipher" | "capability">> {
  const keys = await deriveKeys(code, primitives);
  const capability = await capabilityOf(keys, primitives, share);
  const cipher = await recordCipher(keys.content, share, primitives);
  return { keys, capability, cipher };
}

/** @throws FaultError "bad-code", "weak-code" */
function codeOf({ code }: SendJob, primitives: Primitives): Code {
  if (code === undefined) return makeCode((length) => primitives.randomBytes(length));
  const given = parseSenderCode(code);
  // The estimate of such a code's strength needs dictionaries that are larger than the page.
  if (isOwnCode(given)) throw new FaultError("weak-code", "the page takes words of its list alone");
  if (!isLobby(given)) checkWords(given);
  return given;
}

/** Keeping helps, and hinders nothing where the browser stores nothing. */
async function keep(
  kept: KeptSends,
  send: KeptSend,
  head: Uint8Array,
  owner: string,
): Promise<boolean> {
  try {
    await kept.create(send, head, owner);
    return true;
  } catch {
    return false;
  }
}
