/** Accounts of NATS by JWT, as its tool nsc makes them: an operator, an account with JetStream, and the .creds file of a user. */
import { randomUUID } from "node:crypto";

import { nkeys } from "@nats-io/transport-node";

type KeyPair = ReturnType<typeof nkeys.createAccount>;

export interface NatsAccounts {
  /** Lines of a server's configuration. */
  readonly lines: string;
  /** The content of a .creds file. */
  readonly credentials: Uint8Array;
  /** The same of a user that an operator signed whom the server does not know. */
  readonly strange: Uint8Array;
}

const NO_LIMITS = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
};
const JETSTREAM = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

export function natsAccounts(): NatsAccounts {
  const here = accounts();
  return { ...here, strange: accounts().credentials };
}

function accounts() {
  const [operator, account, system, user] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createUser(),
  ];
  const operatorJwt = jwt(operator, operator, "tests", { type: "operator", version: 2 });
  const limits = { ...NO_LIMITS, ...JETSTREAM };
  const accountJwt = jwt(operator, account, "relays", { type: "account", version: 2, limits });
  const systemJwt = jwt(operator, system, "SYS", {
    type: "account",
    version: 2,
    limits: NO_LIMITS,
  });
  const userJwt = jwt(account, user, "relay", {
    type: "user",
    version: 2,
    subs: -1,
    data: -1,
    payload: -1,
  });
  const lines = [
    `operator: ${operatorJwt}`,
    `system_account: ${system.getPublicKey()}`,
    "resolver: MEMORY",
    `resolver_preload { ${account.getPublicKey()}: ${accountJwt}, ${system.getPublicKey()}: ${systemJwt} }`,
  ].join("\n");
  const credentials = [
    "-----BEGIN NATS USER JWT-----",
    userJwt,
    "------END NATS USER JWT------",
    "",
    "-----BEGIN USER NKEY SEED-----",
    new TextDecoder().decode(user.getSeed()),
    "------END USER NKEY SEED------",
  ].join("\n");
  return { lines, credentials: new TextEncoder().encode(credentials) };
}

function jwt(issuer: KeyPair, subject: KeyPair, name: string, nats: object): string {
  const claims = {
    jti: randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name,
    nats,
  };
  const parts = [{ typ: "JWT", alg: "ed25519-nkey" }, claims].map((part) => {
    return Buffer.from(JSON.stringify(part)).toString("base64url");
  });
  const text = parts.join(".");
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString("base64url")}`;
}
