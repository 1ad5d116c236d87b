/**
 * The ledger on disk: an index in SQLite beside the folder of the records.
 *
 *   DIR/index.sqlite     the facts of each share, tombstones
 *   DIR/address-key      hashes addresses of senders, for limits
 *   DIR/records/PLACE    the records of one share
 *
 * SQLite's write-ahead log with synchronous=FULL makes each save one transaction, durable when it returns. The index is
 * locked as long as the relay runs, so no other relay uses the folder.
 */
import { Database, SQLiteError } from "bun:sqlite";
import {
  constants,
  chmodSync,
  closeSync,
  existsSync,
  statSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  truncateSync,
} from "node:fs";
import { open as openFile, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { FaultError } from "../../protocol/mod.ts";
import { factsText, parseShare, parseTombstone } from "./facts.ts";
import type { Ledger, LedgerChange } from "./ledger.ts";
import type { StoredShare, Tombstone } from "./stored-share.ts";

/**
 * Files of removed records that are kept open until they are removed once more; of more, the space comes back with the
 * worker or the relay. items
 */
const HELD_MOST = 256;
/** Of the tables; a relay knows one. */
const SCHEMA = 1;
/** So that other programs and relays tell the file: "fshr". */
const APPLICATION = 0x66736872;
/** Names of records begin with their place. */
const PLACE = /^[0-9a-f]{32}/;

const TABLES = `
  CREATE TABLE shares (place TEXT PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE tombstones (key TEXT PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION};
  PRAGMA user_version = ${SCHEMA};
`;

export class SqliteLedger implements Ledger {
  readonly #records: string;
  readonly #index: Database;
  readonly #save: (change: LedgerChange) => void;
  /** By place. */
  readonly #held = new Map<string, FileHandle>();

  /**
   * @param folder exists, and is this user's alone
   * @param records likewise
   * @throws FaultError `bad-store`
   */
  constructor(folder: string, records: string) {
    this.#records = records;
    const path = join(folder, "index.sqlite");
    try {
      this.#index = open(path);
    } catch (error) {
      throw openFault(path, error);
    }
    const index = this.#index;
    // SQLite keeps the file of a closed index locked while there are statements: `close` ends those of `query` alone.
    const put = index.query("INSERT OR REPLACE INTO shares VALUES (?, ?)");
    const remove = index.query("DELETE FROM shares WHERE place = ?");
    const bury = index.query("INSERT OR REPLACE INTO tombstones VALUES (?, ?)");
    const forget = index.query("DELETE FROM tombstones WHERE key = ?");
    this.#save = (change): void =>
      inOneGo(index, () => {
        for (const share of change.shares) put.run(share.place, factsText(share));
        for (const place of change.removed) remove.run(place);
        for (const tombstone of change.tombstones) bury.run(tombstone.key, factsText(tombstone));
        for (const key of change.forgotten) forget.run(key);
      });
  }

  load(): Promise<{ readonly shares: StoredShare[]; readonly tombstones: Tombstone[] }> {
    return attempt(() => {
      const here = new Set(readdirSync(this.#records).map((name) => PLACE.exec(name)?.[0]));
      const shares: StoredShare[] = [];
      const lost: string[] = [];
      for (const { place, facts } of this.#rows("SELECT place, facts FROM shares")) {
        const share = parseShare(facts);
        if (share?.place !== place)
          throw badStore(`this relay cannot read the facts of ${place} in its index`);
        // Somebody removed the file: what was durable is not there any more.
        if (share.durable.length > 0 && !here.has(place)) lost.push(place);
        else shares.push(share);
      }
      const tombstones = this.#rows("SELECT key AS place, facts FROM tombstones").flatMap(
        ({ facts }) => parseTombstone(facts) ?? [],
      );
      this.#save({ shares: [], removed: lost, tombstones: [], forgotten: [] });
      this.#removeStrays(new Set(shares.map(({ place }) => place)));
      return { shares, tombstones };
    });
  }

  save(change: LedgerChange): Promise<void> {
    return attempt(() => {
      try {
        this.#save(change);
      } catch (error) {
        if (!isFull(codeOf(error)) || change.removed.length === 0) throw error;
        // The index cannot grow before records are gone, and shares whose records are gone are over at a restart.
        for (const place of change.removed) this.#empty(place);
        this.#save(change);
      }
    });
  }

  /** Its room is free although a worker may have the file open. */
  #empty(place: string): void {
    const path = join(this.#records, place);
    if (existsSync(path)) truncateSync(path);
    rmSync(path, { force: true });
  }

  /**
   * A worker that crashed has the file open until the relay ends, and its space would stay taken. So the second call
   * empties the file of the first. Workers that are well closed it by then; else they get no wrong byte, but a fault.
   */
  removeRecords(place: string): Promise<void> {
    // Not on this thread: a file of GiB in many pieces takes its time.
    return attempt(async () => {
      const path = join(this.#records, place);
      const before = this.#held.get(place);
      this.#held.delete(place);
      if (before !== undefined) {
        await empty(before);
      } else if (this.#held.size < HELD_MOST) {
        const file = await openToEmpty(path);
        if (file !== undefined) this.#held.set(place, file);
      }
      await rm(path, { force: true });
    });
  }

  async close(): Promise<void> {
    this.#index.close(true);
    const files = [...this.#held.values()];
    this.#held.clear();
    // Their shares are over, and a failure leaves no more than before.
    await Promise.allSettled(files.map(empty));
  }

  #rows(query: string): { readonly place: string; readonly facts: string }[] {
    return this.#index.query<{ place: string; facts: string }, []>(query).all();
  }

  /** Of shares that are gone, which a crash left. A folder is none of them, and hinders no start. */
  #removeStrays(places: ReadonlySet<string>): void {
    for (const entry of readdirSync(this.#records, { withFileTypes: true })) {
      const place = PLACE.exec(entry.name)?.[0];
      if (place === undefined || places.has(place) || entry.isDirectory()) continue;
      rmSync(join(this.#records, entry.name));
    }
  }
}

/**
 * Makes the folder of a store, and looks whether it is safe to use.
 * @returns the folder of the records in it
 * @throws FaultError `bad-store`
 */
export function prepareFolder(folder: string): string {
  const records = join(folder, "records");
  for (const each of [folder, records]) {
    try {
      mkdirSync(each, { recursive: true, mode: 0o700 });
      const { uid, mode } = statSync(each);
      const own = process.geteuid?.();
      // On Windows there are no such modes.
      if (own === undefined) continue;
      if (uid !== own) throw badStore(`${each} belongs to another user`);
      if ((mode & 0o077) === 0) continue;
      // Others saw nothing in it, as in a volume that a container runtime made.
      if (readdirSync(each).length === 0) chmodSync(each, 0o700);
      else throw badStore(`others may look into ${each}: chmod 700`);
    } catch (error) {
      throw error instanceof FaultError
        ? error
        : badStore(`${each} can't be used (${codeOf(error)})`, error);
    }
  }
  return records;
}

/** @throws SQLiteError, FaultError */
function open(path: string): Database {
  // SQLite gives the files beside it the same mode.
  if (!existsSync(path)) closeSync(openSync(path, "wx", 0o600));
  else chmodSync(path, 0o600);
  const index = new Database(path);
  try {
    // First: another relay holds the lock, then.
    index.run("PRAGMA locking_mode = EXCLUSIVE");
    index.run("PRAGMA journal_mode = WAL");
    index.run("PRAGMA synchronous = FULL");
    const version = numberOf(index, "user_version");
    const application = numberOf(index, "application_id");
    if (version === 0 && application === 0) {
      index.transaction(() => index.run(TABLES))();
    } else if (application !== APPLICATION) {
      throw badStore(`${path} belongs to another program`);
    } else if (version !== SCHEMA) {
      throw badStore(
        `${path} has the form ${version}, and this relay knows ${SCHEMA}: use the relay that made it`,
      );
    }
    const check = index.query<{ readonly quick_check: string }, []>("PRAGMA quick_check(1)").get();
    if (check?.quick_check !== "ok")
      throw badStore(`${path} is damaged: ${check?.quick_check ?? ""}`);
    // The lock is taken with the first write.
    index.run("BEGIN IMMEDIATE");
    index.run("COMMIT");
  } catch (error) {
    index.close();
    throw error;
  }
  return index;
}

/** @returns undefined: there is no such file */
async function openToEmpty(path: string): Promise<FileHandle | undefined> {
  const flags = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);
  return await openFile(path, flags).catch(() => undefined);
}

async function empty(file: FileHandle): Promise<void> {
  try {
    await file.truncate();
  } finally {
    await file.close();
  }
}

/** As a transaction; `Database.transaction` keeps statements that nothing ends. */
function inOneGo(index: Database, write: () => void): void {
  index.run("BEGIN IMMEDIATE");
  try {
    write();
    index.run("COMMIT");
  } catch (error) {
    if (index.inTransaction) index.run("ROLLBACK");
    throw error;
  }
}

function numberOf(index: Database, pragma: "user_version" | "application_id"): number {
  const row = index.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get();
  return row?.[pragma] ?? 0;
}

function openFault(path: string, error: unknown): FaultError {
  if (error instanceof FaultError) return error;
  const code = codeOf(error);
  if (code.startsWith("SQLITE_BUSY")) return badStore(`another relay uses ${path}`, error);
  if (code.startsWith("SQLITE_NOTADB") || code.startsWith("SQLITE_CORRUPT")) {
    return badStore(`${path} is damaged: restore it from a backup, or remove the folder`, error);
  }
  return badStore(`${path} can't be used (${code})`, error);
}

function badStore(detail: string, cause?: unknown): FaultError {
  return new FaultError("bad-store", detail, { cause });
}

function codeOf(error: unknown): string {
  if (error instanceof SQLiteError) return error.code ?? error.message;
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

function isFull(code: string): boolean {
  return code === "SQLITE_FULL" || code === "ENOSPC" || code === "EDQUOT";
}

/** Turns errors of SQLite and of the file system into faults. */
async function attempt<T>(step: () => T | Promise<T>): Promise<T> {
  try {
    return await Promise.resolve(step());
  } catch (error) {
    if (error instanceof FaultError) throw error;
    const code = codeOf(error);
    throw new FaultError(isFull(code) ? "store-full" : "store-failed", `the index: ${code}`, {
      cause: error,
    });
  }
}
