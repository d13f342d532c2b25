#!/bin/sh
# All checks and all tests, from a fresh checkout: installs what is missing, builds the offline world, ends with the
# line "N passed, N failed".
set -u
cd "$(dirname "$0")/.."

sh test/set-up.sh tests || exit 1
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
if command -v nix-store >/dev/null 2>&1; then sh test/world/prepare || [ -z "${CI:-}" ] || exit 1; fi
exec node test/run.ts "$@"
