export type { ClientEvent } from "./event-schema.ts";
