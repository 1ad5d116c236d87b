/** Every bound of the torture: its unit, and why it is what it is. */
import { CONFIRM_MS, LOST_GRACE_MS, SILENCE_MS } from "../../protocol/mod.ts";
import { DRAIN_MS } from "../../relay/limits/operator-limits.ts";
import { CLOSE_MS } from "../../relay/limits/limits.ts";
import { SENDER_QUEUE_BYTES } from "../../relay/share/home-share.ts";

const second = 1000;

/** ms between two faults, least and most: several of them overlap. */
export const BETWEEN_FAULTS_MS = [100, 500] as const;

/**
 * ms that one fault lasts, least and most. Well below CONFIRM_MS: receivers whose receipts find
 * nobody for so long end without them, and nothing is learned from a sender that can't know.
 */
export const FAULT_MS = [200, 3 * second] as const;

/**
 * ms that everybody has to finish in when the faults are over: a dead line is noticed (SILENCE_MS),
 * the sender waits for who vanished, a receiver for its receipt, and the rest is for the
 * records on two cores that do other things too.
 */
export const FINISH_MS = SILENCE_MS + LOST_GRACE_MS + CONFIRM_MS + 45 * second;

/** ms that a relay has to listen in, and a sender to tell its code in, with twenty others starting. */
export const START_MS = 60 * second;

/** ms that a process has to end in when a signal asks it to, a relay with transfers too; then it is killed. */
export const END_MS = DRAIN_MS + CLOSE_MS + 15 * second;

/** ms that a sender is left alone with receipts that may still come, before it is told to end. */
export const RECEIPTS_MS = 5 * second;

/** Seconds that clients try to reach a relay that was killed before they first did. */
export const CONNECT_TIMEOUT_SECONDS = 600;

/** Characters of a process's stderr that are kept. */
export const STDERR_CHARACTERS = 16 * 1024;

/** Entries of one round's history: twenty receivers, ten events per second each, some minutes. */
export const HISTORY_ENTRIES = 200_000;

/** Bytes that one direction of a line holds back in the proxy before it stops reading. */
export const HELD_BYTES = SENDER_QUEUE_BYTES / 4;

/** Bytes of the relay's log, small so that late ones need the sender again. */
export const LOG_BYTES = 24 * 1024 * 1024;

/** Bytes of a small file system beyond the file itself: journal, folders, blocks in part. */
export const SPARE_BYTES = 1024 * 1024;

/** Runs of one receiver: killed, or with a full disk, over and over. */
export const RUNS = 100;
