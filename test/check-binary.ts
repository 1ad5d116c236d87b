/** `bun run check:binary`: all end-to-end tests against a binary of this machine, which is built first. */
import { Sum } from "./steps.ts";

const sum = new Sum();
await sum.tests("all end-to-end tests with the binary", await sum.binary());
sum.finish();
