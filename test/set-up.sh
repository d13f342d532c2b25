#!/bin/sh
# Installs what the demo or the tests need and is missing: Debian packages (as root, with apt-get) and npm packages.
# Usage: sh test/set-up.sh demo|tests
set -eu
cd "$(dirname "$0")/.."

case "${1:-}" in
  demo) commands="nix-store:nix-bin git:git patchelf:patchelf" ;;
  tests) commands="nix-store:nix-bin git:git patchelf:patchelf python3:python3 bsdtar:libarchive-tools strace:strace cc:gcc
    dockerd:docker.io docker:docker-cli/docker.io ctr:containerd runc:runc podman:podman skopeo:skopeo umoci:umoci chromium:chromium dot:graphviz
    pkill:procps xz:xz-utils docker-registry:docker-registry openssl:openssl pigz:pigz zstd:zstd faketime:faketime disorderfs:disorderfs zsh:zsh fish:fish tmux:tmux" ;;
  *) echo "usage: sh test/set-up.sh demo|tests" >&2; exit 2 ;;
esac

missing=""
for entry in $commands; do
  command -v "${entry%%:*}" >/dev/null 2>&1 || missing="$missing ${entry#*:}"
done

if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing with apt-get:$missing" >&2
    apt-get update -qq >&2
    packages=""
    for names in $missing; do
      # Of names with a slash between them the first that this Debian has.
      for name in $(echo "$names" | tr / ' '); do
        apt-cache show "$name" >/dev/null 2>&1 && { packages="$packages $name"; break; }
      done
    done
    # shellcheck disable=SC2086 # the names are words
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages >&2
  else
    echo "not installed:$missing (as root on Debian this installs them; go on without)" >&2
  fi
fi

npx --yes pnpm@12 install --frozen-lockfile --silent >&2
