/** Sending and receiving for programs: a job runs in a thread and tells what happens as events. */
export { relayAddress, startClient, type Client } from "./client.ts";
export type { ClientEvent } from "./events.ts";
export type { Answer, Job, OnExists, Outcome, ReceiveJob, SendJob } from "./jobs.ts";
