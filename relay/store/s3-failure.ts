/** Why a request to S3 failed, and whether another try may change it. */

/** Of an answer that is an error, so much is read. bytes */
const ERROR_BYTES = 16 * 1024;

const RENEW = "start the relay again with new keys and S3_SESSION_TOKEN";
/** Codes that another try does not change, with advice for the operator. */
const FINAL_CODES: ReadonlyMap<string, string> = new Map([
  ["AccessDenied", "allow s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject"],
  ["AllAccessDisabled", "ask the provider of the bucket"],
  ["AuthorizationHeaderMalformed", "check S3_REGION"],
  ["ERR_S3_MISSING_CREDENTIALS", "set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"],
  ["ERR_INVALID_URL", "check S3_ENDPOINT"],
  ["ERR_S3_INVALID_ENDPOINT", "check S3_ENDPOINT"],
  ["ExpiredToken", RENEW],
  ["InvalidAccessKeyId", "check S3_ACCESS_KEY_ID"],
  ["InvalidBucketName", "check the name of the bucket"],
  ["InvalidToken", RENEW],
  ["NoSuchBucket", "make the bucket, or check its name and S3_ENDPOINT"],
  ["PermanentRedirect", "check S3_REGION and S3_ENDPOINT"],
  ["RequestTimeTooSkewed", "set the clock of this machine"],
  ["SignatureDoesNotMatch", "check S3_SECRET_ACCESS_KEY and S3_REGION"],
]);
/** Statuses and codes below 500 of a store that is too busy, or on a bad line. */
const AWAY_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);
const AWAY_CODES: ReadonlySet<string> = new Set(["RequestTimeout", "SlowDown", "IncompleteBody"]);
/** Statuses of an answer that may be older than the objects. */
const WRONG_STATUSES: ReadonlySet<number> = new Set([404, 409, 416]);

/** `final`: no other try changes it. `wrong`: an answer came, and it was not right. `away`: the store may come back. */
type FailureKind = "final" | "wrong" | "away";

/** A failed try. */
export class S3Failure extends Error {
  readonly kind: FailureKind;

  constructor(message: string, kind: FailureKind, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

export async function failureOf(answer: Response): Promise<S3Failure> {
  const length = Number(answer.headers.get("content-length") ?? ERROR_BYTES);
  const text = length <= ERROR_BYTES ? await answer.text() : "";
  if (text === "") await answer.body?.cancel();
  const code = /<Code>(\w{1,64})<\/Code>/.exec(text)?.[1] ?? "";
  const { status } = answer;
  return failureFrom(`it answered ${status}`, code, kindOf(status, code));
}

function kindOf(status: number, code: string): FailureKind {
  if (status >= 500 || AWAY_STATUSES.has(status) || AWAY_CODES.has(code)) return "away";
  return WRONG_STATUSES.has(status) ? "wrong" : "final";
}

function failureFrom(said: string, code: string, kind: FailureKind): S3Failure {
  const advice = FINAL_CODES.get(code);
  const words = [said, code].filter((word) => word !== "").join(" ");
  if (advice === undefined) return new S3Failure(words, kind);
  return new S3Failure(`${words} (${advice})`, "final");
}

/** An error of a method of Bun's client. */
export function failedCall(cause: unknown): never {
  const code = codeOf(cause);
  if (FINAL_CODES.has(code)) throw failureFrom("it answered", code, "final");
  throw unreached(cause);
}

export function unreached(cause: unknown): S3Failure {
  const code = codeOf(cause);
  if (FINAL_CODES.has(code)) return failureFrom("", code, "final");
  return new S3Failure(code === "" ? String(cause) : code, "away", { cause });
}

function codeOf(cause: unknown): string {
  if (!(cause instanceof Error) || !("code" in cause)) return "";
  return typeof cause.code === "string" ? cause.code : "";
}
