/** A relay as a process of its own, with the options in its argument; says its port and stays. */
import { startRelay, type RelayOptions } from "../../../relay/mod.ts";

const relay = await startRelay(JSON.parse(process.argv[2]!) as Partial<RelayOptions>);
console.log(JSON.stringify({ port: relay.port }));
