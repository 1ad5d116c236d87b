#!/bin/sh
# The same as `bun run smoke BINARY`, in a container of Alpine. It adds the two libraries that the binary needs, and no Bun.
set -eu
apk add --no-cache libstdc++
chmod +x "$1"
BUN_BE_BUN=1 "$1" deploy/build/smoke.ts "$1"
