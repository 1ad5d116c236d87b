/**
 * A relay with the options in its argument. Says its port, takes a worker's number as a line on its
 * standard input to crash that one, and stops at SIGTERM or when nobody holds that input any more.
 */
import { createInterface } from "node:readline";
import { startRelay, type RelayOptions } from "../../relay/mod.ts";

const options = JSON.parse(process.argv[2]!) as Partial<RelayOptions>;
const say = (line: object): void => console.log(JSON.stringify(line));
const relay = await startRelay({ ...options, onTrouble: (trouble) => say({ trouble }) });
say({ port: relay.port });

const input = createInterface({ input: process.stdin });
input.on("line", (worker) => relay.crashWorker(Number(worker)));
const stop = (): void => {
  relay.stop().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
};
process.once("SIGTERM", stop);
input.once("close", stop);
