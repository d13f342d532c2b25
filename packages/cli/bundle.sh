#!/bin/sh
# Makes the command as it is published out of the workspace's sources: a few files in place of some 400 modules, which Node
# takes longer to load than to run. Threads and verbs share what they have in common. What is left out is optional in CycloneDX's
# library, and not asked for. Needs esbuild. Usage: sh packages/cli/bundle.sh [FOLDER]  (beside which package.json is)
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$root/packages/cli/bundle}
rm -rf "$folder"
cd "$root"
exec esbuild packages/cli/src/main.ts packages/core/src/build/layer/layer-worker.ts packages/oci/src/compression/block-worker.ts \
  --bundle --splitting --format=esm --platform=node --target=node22.15 \
  --conditions=@stowage/source --main-fields=module,main --define:__dirname=import.meta.dirname \
  --external:ajv --external:ajv-formats --external:ajv-formats-draft2019 --external:libxmljs2 --external:xmlbuilder2 \
  --banner:js='import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' \
  --entry-names='[name]' --outdir="$folder" --log-level=warning
