/** Every bound of the torture of a cluster: its unit, and why it is what it is. */
import { LOST_GRACE_MS } from "../../../protocol/mod.ts";
import { RELAY_GONE_MS } from "../../../relay/cluster/directory-kv.ts";
import { WELCOME_MS } from "../../../relay/cluster/greeting.ts";
import { CLAIM_WAIT_MS } from "../../../relay/cluster/waiting-claims.ts";
import { RECONNECT_MS } from "../../../relay/cluster/uplink.ts";
import { FINISH_MS } from "../limits.ts";

const second = 1000;
const MiB = 1024 * 1024;

/** ms between two faults, least and most: several of them overlap, and NATS finds its leaders between some. */
export const BETWEEN_FAULTS_MS = [second, 6 * second] as const;

/** ms that a process which was killed stays away: some of them longer than RELAY_GONE_MS */
export const AWAY_MS = [0.2 * second, RELAY_GONE_MS + 10 * second] as const;

/** ms that a process stands still */
export const STOP_MS = [2 * second, 70 * second] as const;

/** ms that the owner of a share stands still once in a round: longer than all that the others wait for it */
export const OWNER_STOP_MS = [60 * second, 70 * second] as const;

/** ms that two machines do not reach each other; TCP takes as long again to notice that they do */
export const CUT_MS = [2 * second, 40 * second] as const;

/**
 * ms that a fault lasts while a stream is sent: well below LOST_GRACE_MS, as relays keep nothing longer for who is away,
 * and its process takes seconds to start on a busy machine.
 */
export const GENTLE_MS = LOST_GRACE_MS / 3;

/** ms that everybody has to finish in when the faults are over: as with one relay, and the directory has to find itself */
export const CLUSTER_FINISH_MS = FINISH_MS + RELAY_GONE_MS + CLAIM_WAIT_MS + 45 * second;

/** ms between two looks at the memory of relays */
export const LOOK_MS = second;

/** bytes of a relay's own memory: what it has without clients, and windows of thirty receivers. It is far from any leak. */
export const RELAY_MEMORY_BYTES = 384 * MiB;

/** bytes of a relay's log: any share, so a record crosses again only when the log or the line that it was on is lost */
export const LOG_BYTES = 128 * MiB;

/** bytes that come to a relay beside records: handshakes, reports of receivers, acknowledgements of TCP */
export const BESIDE_BYTES = 4 * MiB;

/** ms that a relay which is told to end gives to transfers, short enough for a round */
export const DRAIN_SECONDS = 5;

/**
 * bytes and ms of one piece of a stream. A piece makes a record, and a sender keeps CREDIT_RECORDS of them, so ten seconds: longer
 * than a receiver is behind after GENTLE_MS.
 */
export const STREAM_PIECE_BYTES = 60 * 1024;
export const STREAM_EVERY_MS = 600;

/** ms that NATS has to find its leaders in at the start, and each server to have what the others have */
export const NATS_START_MS = 60 * second;

/** ms between two reports of one link that is tried again: a relay waits so long, and then for the other's welcome */
export const LINK_TRIED_MS = RECONNECT_MS.most + WELCOME_MS + second;
