/**
 * Tables that outlast a reload, in IndexedDB, which browsers give to pages over plain http too.
 * A change reads and writes several tables in one transaction, so two tabs never mix their steps.
 * All tables of the page are named here, because a database has one version for all of them.
 */

/** A change of this list needs the next DATABASE_VERSION. */
const TABLES = [
  /** Receives that can go on, by share. */
  "receives",
  /** Sends that can go on, by share. */
  "sends",
  /** Manifests of those sends, by share. */
  "send-heads",
  /** Tags of their sealed records, by share and block. */
  "send-tags",
  /** Receivers that have everything, by share and receiver. */
  "send-done",
  /** Handles of the files that a person chose, by share. */
  "send-handles",
  /** Files that other apps shared, by the id of their arrival. */
  "shared-files",
  /** Shares that are stored at relays, by share. */
  "stored-sends",
] as const;
const DATABASE = "fileshare";
const DATABASE_VERSION = 2;

export type TableName = (typeof TABLES)[number];

export interface Table {
  get(key: string): Promise<unknown>;
  put(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** Entries whose keys begin so, in the order of their keys. */
  within(prefix: string): Promise<readonly (readonly [key: string, value: unknown])[]>;
  deleteWithin(prefix: string): Promise<void>;
}

export type Tables = (name: TableName) => Table;

export interface Store {
  /**
   * Makes a change of the named tables: all of it, or nothing if the step fails. The step must
   * await nothing but its tables, because a transaction ends where nothing of it is under way.
   * @throws DOMException where the browser gives no storage, or has no room
   */
  change<T>(names: readonly TableName[], step: (tables: Tables) => Promise<T>): Promise<T>;
}

class BrowserStore implements Store {
  #database: Promise<IDBDatabase> | undefined;

  async change<T>(names: readonly TableName[], step: (tables: Tables) => Promise<T>): Promise<T> {
    const database = await this.#opened();
    // A tag that a crash of the system takes back would let another content leave under its index.
    const transaction = database.transaction([...names], "readwrite", { durability: "strict" });
    const ended = endOf(transaction);
    // Awaited below; a step that fails first must not leave it unhandled.
    ended.catch(() => undefined);
    try {
      const result = await step((name) => tableOf(transaction.objectStore(name)));
      await ended;
      return result;
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It ended already.
      }
      throw error;
    }
  }

  #opened(): Promise<IDBDatabase> {
    this.#database ??= open(() => (this.#database = undefined)).catch((error: unknown) => {
      this.#database = undefined;
      throw error;
    });
    return this.#database;
  }
}

/** @param closed called when another version of the page needs the database */
async function open(closed: () => void): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, DATABASE_VERSION);
  request.addEventListener("upgradeneeded", () => {
    for (const name of TABLES) {
      if (!request.result.objectStoreNames.contains(name)) request.result.createObjectStore(name);
    }
  });
  const database = await resultOf(request);
  database.addEventListener("close", closed);
  database.addEventListener("versionchange", () => {
    database.close();
    closed();
  });
  return database;
}

function tableOf(objects: IDBObjectStore): Table {
  return {
    get: (key) => resultOf(objects.get(key) as IDBRequest<unknown>),
    put: async (key, value) => void (await resultOf(objects.put(value, key))),
    delete: (key) => resultOf(objects.delete(key)),
    async within(prefix) {
      const range = rangeOf(prefix);
      const [keys, values] = await Promise.all([
        resultOf(objects.getAllKeys(range)),
        resultOf(objects.getAll(range) as IDBRequest<unknown[]>),
      ]);
      return keys.map((key, at) => [key as string, values[at]] as const);
    },
    deleteWithin: (prefix) => resultOf(objects.delete(rangeOf(prefix))),
  };
}

function rangeOf(prefix: string): IDBKeyRange {
  return IDBKeyRange.bound(prefix, `${prefix}\uFFFF`);
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  request.addEventListener("success", () => resolve(request.result));
  request.addEventListener("error", () => reject(request.error ?? new Error("IndexedDB")));
  return promise;
}

function endOf(transaction: IDBTransaction): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  transaction.addEventListener("complete", () => resolve());
  transaction.addEventListener("abort", () => reject(transaction.error ?? new Error("aborted")));
  return promise;
}

let browserStore: BrowserStore | undefined;

/** The store of this origin. */
export function theStore(): Store {
  return (browserStore ??= new BrowserStore());
}

/** A store of this page alone, where the browser gives none, and in tests. */
export class MemoryStore implements Store {
  readonly #tables = new Map<TableName, Map<string, unknown>>();
  #last: Promise<unknown> = Promise.resolve();

  change<T>(names: readonly TableName[], step: (tables: Tables) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#change(names, step));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #change<T>(names: readonly TableName[], step: (tables: Tables) => Promise<T>): Promise<T> {
    const copies = new Map(names.map((name) => [name, new Map(this.#tables.get(name))]));
    const result = await step((name) => {
      const rows = copies.get(name);
      if (rows === undefined) throw new RangeError(`${name} is no table of this change`);
      return memoryTable(rows);
    });
    for (const [name, rows] of copies) this.#tables.set(name, rows);
    return result;
  }
}

function memoryTable(rows: Map<string, unknown>): Table {
  const keys = (prefix: string): string[] =>
    [...rows.keys()].filter((key) => key.startsWith(prefix)).toSorted();
  return {
    get: (key) => Promise.resolve(structuredClone(rows.get(key))),
    put: async (key, value) => void rows.set(key, structuredClone(value)),
    delete: async (key) => void rows.delete(key),
    within: (prefix) =>
      Promise.resolve(keys(prefix).map((key) => [key, structuredClone(rows.get(key))] as const)),
    deleteWithin: async (prefix) => keys(prefix).forEach((key) => rows.delete(key)),
  };
}
