#!/usr/bin/env node
// The command of the npm package. Every Node has to parse this file, so an old one can say that it is too old.
"use strict";

var OLDEST_NODE = 20;
/** EX_UNAVAILABLE of sysexits.h: fileshare itself uses 0 to 6, 129 and 130. */
var CANNOT_START = 69;

if (!process.versions.bun && parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(
    "fileshare: Node " +
      process.versions.node +
      " is too old. Install Node " +
      OLDEST_NODE +
      " or later, or run fileshare with Bun.\n",
  );
  process.exitCode = CANNOT_START;
} else {
  require("./launch.cjs").launch(CANNOT_START);
}
