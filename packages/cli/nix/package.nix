# The command, built from this repository: its sources and what pnpm installs for it in one bundle, Node to run it.
{ pkgs }:
let
  manifest = builtins.fromJSON (builtins.readFile ../package.json);
  root = toString ../../..;

  # What the build reads, so that nothing else of the repository changes the package.
  isWanted =
    path:
    builtins.match "package.json|pnpm-lock.yaml|pnpm-workspace.yaml|tsconfig.base.json|packages|packages/[^/]+|packages/[^/]+/(package.json|tsconfig.json|src|src/.*|schema|schema/.*)|packages/cli/bundle.sh|apps|test|apps/[^/]+|(test|apps/[^/]+)/package.json" (
      builtins.substring (builtins.stringLength root + 1) (builtins.stringLength path) path
    ) != null;
  src = builtins.path {
    name = "stowage-source";
    path = ../../..;
    filter = path: _type: isWanted (toString path);
  };

  # nixpkgs has both under pnpm_10 first, and later by themselves.
  fetchPnpmDeps = pkgs.fetchPnpmDeps or pkgs.pnpm_10.fetchDeps;
  pnpmConfigHook = pkgs.pnpmConfigHook or pkgs.pnpm_10.configHook;
  pnpmWorkspaces = [ "${manifest.name}..." ];
  pnpmInstallFlags = [ "--prod" "--no-optional" ];
in
pkgs.stdenv.mkDerivation {
  pname = manifest.name;
  inherit (manifest) version;
  inherit src pnpmWorkspaces pnpmInstallFlags;

  # So that lists are lists in the hook.
  __structuredAttrs = true;
  strictDeps = true;

  pnpmDeps = fetchPnpmDeps {
    pname = manifest.name;
    inherit (manifest) version;
    inherit src pnpmWorkspaces pnpmInstallFlags;
    pnpm = pkgs.pnpm_10;
    fetcherVersion = 2;
    # Written by test/world/prepare, which does what the fetcher does.
    inherit (builtins.fromJSON (builtins.readFile ./pnpm-deps.json)) hash;
  };

  nativeBuildInputs = [
    pkgs.nodejs_24
    pkgs.pnpm_10
    pnpmConfigHook
    pkgs.esbuild
  ];

  buildPhase = ''
    runHook preBuild
    sh packages/cli/bundle.sh
    runHook postBuild
  '';

  installPhase = ''
    runHook preInstall
    mkdir -p $out/bin $out/lib/stowage
    cp -a packages/cli/package.json packages/cli/bundle packages/cli/schema $out/lib/stowage/
    main=lib/stowage/bundle/main.js
    sed -i '1s|.*|#!${pkgs.nodejs_24}/bin/node|' $out/$main
    chmod +x $out/$main
    ln -s ../$main $out/bin/stowage
    runHook postInstall
  '';

  meta = {
    inherit (manifest) description;
    mainProgram = "stowage";
    platforms = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
  };
}
