/** `bun run test`, for each commit: types, lint, format, unit and wire tests. Shows only what failed. */
import { Sum } from "./steps.ts";

const sum = new Sum();
await sum.bundles();
await Promise.all([sum.statics(), sum.tests("unit and wire tests", {}, "--only-failures")]);
sum.finish();
