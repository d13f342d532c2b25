#!/bin/sh
# Builds Fortune Cat with Nix, packs it with pack.ts, and loads the image where an engine runs.
# On a fresh Debian machine with Node and npm it installs what is missing first.
set -eu
cd "$(dirname "$0")/../.."

sh test/set-up.sh demo
sh test/world/prepare fortune-cat

[ "$(id -u)" != 0 ] || [ -n "${NIX_REMOTE:-}" ] || owner="build-users-group ="
NIX_CONFIG="${NIX_CONFIG:-}
${owner:-}
sandbox = false
substitute = false
experimental-features = nix-command flakes"
export NIX_CONFIG
# Git refuses a checkout that somebody else owns, and Nix asks Git what is in it.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$PWD"

echo "building fortune-cat with Nix (from Debian's and npm's packages, without network)" >&2
nix build .#fortune-cat --override-input nixpkgs path:./test/world 2>/dev/null ||
  nix build "path:$PWD#fortune-cat" --override-input nixpkgs "path:$PWD/test/world"

# Node 24 of the checkout runs TypeScript as it is.
PATH="$PWD/node_modules/.bin:$PATH" node --conditions=@stowage/source --wasm-wrapper-tiering-budget=1000000000 apps/fortune-cat/pack.ts

if docker info >/dev/null 2>&1; then
  docker load -i fortune-cat.tar
  echo "run it:  docker run --rm -p 8001:8001 fortune-cat:0.1.0   and open http://localhost:8001/cat"
elif podman info >/dev/null 2>&1; then
  podman load -i fortune-cat.tar
  echo "run it:  podman run --rm -p 8001:8001 fortune-cat:0.1.0   and open http://localhost:8001/cat"
else
  echo "no Docker or Podman answers here; where one does:  docker load -i fortune-cat.tar"
  echo "                                                   docker run --rm -p 8001:8001 fortune-cat:0.1.0"
fi
