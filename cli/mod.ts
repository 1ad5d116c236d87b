/** Sending and receiving for programs: a job runs in a thread and tells what happens as events. */
export { relayAddress, startClient, type Client } from "./client.ts";
export type { ClientEvent } from "./events.ts";
export type { Answer, Job, Outcome, ReceiveJob, SendJob } from "./jobs.ts";
export type { OnExists } from "./policy.ts";
