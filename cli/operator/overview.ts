/** The overview of an admin listener, as far as the status command shows it. */
import * as v from "valibot";

const whole = v.pipe(v.number(), v.finite(), v.minValue(0));
const counts = v.record(v.string(), whole);
const lanes = v.object({ live: whole, catchUp: whole, paused: whole });

const shareShape = v.object({
  number: whole,
  age: whole,
  size: v.optional(whole),
  records: whole,
  senderHere: v.boolean(),
  sender: v.optional(v.string()),
  owner: v.optional(v.object({ id: v.string(), address: v.optional(v.string()) })),
  lanes,
  least: v.optional(whole),
  most: v.optional(whole),
  bytesIn: whole,
  bytesOut: whole,
  kept: whole,
});

const storeShape = v.object({
  whole,
  unfinished: whole,
  bytes: whole,
  most: whole,
  downloads: whole,
  failed: whole,
  now: whole,
  list: v.array(
    v.object({
      number: whole,
      isWhole: v.boolean(),
      size: v.optional(whole),
      durable: whole,
      records: v.optional(whole),
      until: whole,
      downloads: whole,
      downloadsMost: v.optional(whole),
    }),
  ),
});

const clusterShape = v.object({
  name: v.string(),
  me: v.string(),
  address: v.string(),
  isConnected: v.boolean(),
  since: whole,
  roundTrip: v.optional(whole),
  shares: whole,
  owned: whole,
  remote: whole,
  links: whole,
  waiting: whole,
  relays: v.array(
    v.object({
      id: v.string(),
      address: v.optional(v.string()),
      version: v.optional(whole),
      site: v.optional(v.string()),
      isStranger: v.optional(v.boolean()),
      shares: whole,
      seen: whole,
    }),
  ),
});

export const overviewShape = v.object({
  uptime: whole,
  /** Seconds on the relay's clock. */
  at: whole,
  isDraining: v.boolean(),
  workers: v.object({ wanted: whole, up: whole, answering: whole, lost: whole }),
  bytesIn: whole,
  bytesOut: whole,
  clients: v.record(v.string(), counts),
  lanes,
  buffered: whole,
  delays: v.array(whole),
  log: v.object({ held: whole, most: whole }),
  memory: v.optional(v.object({ own: whole, file: whole })),
  faults: counts,
  refusals: counts,
  bans: v.array(v.object({ range: v.string(), until: v.optional(whole) })),
  shares: v.object({ all: whole, list: v.array(shareShape) }),
  store: v.optional(storeShape),
  cluster: v.optional(clusterShape),
});

export type RelayOverview = Readonly<v.InferOutput<typeof overviewShape>>;
export type RelayStore = Readonly<v.InferOutput<typeof storeShape>>;
export type RelayCluster = Readonly<v.InferOutput<typeof clusterShape>>;
export type RelayShare = Readonly<v.InferOutput<typeof shareShape>>;
