# The packages of the offline world. Names are nixpkgs' own, so that flake.nix is the same with either.
# `rebuilt` says of packages that they were built again since: a mark for each, that goes into its version and its files.
{ system, rebuilt ? { } }:
let
  inputs =
    if builtins.pathExists ./inputs.json then
      builtins.fromJSON (builtins.readFile ./inputs.json)
    else
      throw "the offline world has no inputs yet: run test/world/prepare";

  # What npm brings: pnpm, esbuild, and what pnpm installs for the command.
  npm =
    if builtins.pathExists ./npm.json then
      builtins.fromJSON (builtins.readFile ./npm.json)
    else
      throw "the offline world has no npm packages yet: run test/world/prepare";

  # Something the prepare script put into the store: valid already, so its builder never runs.
  prepared =
    { name, sha256, mode }:
    derivation {
      inherit name system;
      builder = "/bin/sh";
      args = [ "-c" "echo 'run test/world/prepare: ${name} is not in the store' >&2; exit 1" ];
      outputHashMode = mode;
      outputHashAlgo = "sha256";
      outputHash = sha256;
    };

  bootstrap = prepared {
    name = "bootstrap";
    inherit (inputs.bootstrap) sha256;
    mode = "recursive";
  };

  debFile = name: prepared {
    name = "${name}-${inputs.debs.${name}.version}.deb";
    inherit (inputs.debs.${name}) sha256;
    mode = "flat";
  };

  runCommand =
    name: attributes: script:
    if attributes.__structuredAttrs or false then
      runStructured name attributes script
    else
      makeDerivation attributes {
        inherit name system;
        builder = "${bootstrap}/bin/busybox";
        args = [ "sh" "-e" "-c" script ];
        PATH = searchPath (attributes.nativeBuildInputs or [ ]);
      };

  # Attributes come as JSON and as Bash's variables, as nixpkgs' stdenv hands them on.
  runStructured =
    name: attributes: script:
    makeDerivation attributes {
      inherit name system;
      builder = "${bash}/bin/bash";
      args = [
        "-e"
        "-c"
        ''
          # Nix 2.8 names the file as it is called outside of the sandbox.
          [ -e "$NIX_ATTRS_SH_FILE" ] || NIX_ATTRS_SH_FILE=$NIX_BUILD_TOP/.attrs.sh
          . "$NIX_ATTRS_SH_FILE"
          export PATH=${searchPath (attributes.nativeBuildInputs or [ ])}
          out=''${outputs[out]}
          ${script}
        ''
      ];
    };

  makeDerivation =
    attributes: own:
    derivation (builtins.removeAttrs attributes [ "meta" "passthru" "nativeBuildInputs" ] // own)
    // {
      meta = attributes.meta or { };
    }
    // attributes.passthru or { };

  searchPath = inputs: builtins.concatStringsSep ":" (map (input: "${input}/bin") (inputs ++ [ bootstrap ]));

  # Those phases of nixpkgs' stdenv that packages here have, with hooks of what they are built with.
  mkDerivation =
    attributes:
    runStructured "${attributes.pname}-${attributes.version}" attributes ''
      runHook() { :; }
      postConfigureHooks=()
      cp -R $src source
      chmod -R u+w source
      cd source
      for input in ${toString (attributes.nativeBuildInputs or [ ])}; do
        [ ! -f $input/nix-support/setup-hook ] || . $input/nix-support/setup-hook
      done
      for hook in "''${postConfigureHooks[@]}"; do $hook; done
      eval "$buildPhase"
      eval "$installPhase"
    '';

  multiarch = if system == "aarch64-linux" then "aarch64-linux-gnu" else "x86_64-linux-gnu";
  loader = if system == "aarch64-linux" then "ld-linux-aarch64.so.1" else "ld-linux-x86-64.so.2";

  # Unpacks a Debian package with what it has in /usr one level up and its libraries in lib.
  unpack = name: ''
    dpkg-deb -x ${debFile name} unpacked
    mkdir -p $out
    for folder in unpacked unpacked/usr; do
      for part in bin games lib lib64 share etc; do
        [ -d $folder/$part ] || continue
        mkdir -p $out/$part
        cp -a $folder/$part/. $out/$part/
      done
    done
    if [ -d $out/lib/${multiarch} ]; then
      cp -a $out/lib/${multiarch}/. $out/lib/
      rm -rf $out/lib/${multiarch}
    fi
    if [ -d $out/lib64 ]; then
      rm -rf $out/lib64
    fi
    rm -rf $out/share/doc $out/share/man $out/share/locale $out/share/lintian $out/share/info
  '';

  # patchelf itself, run through the loader of the library it was made with.
  patchelf = runCommand "patchelf-bootstrap" { } ''
    for deb in ${debFile "patchelf"} ${debFile "libc6"} ${debFile "libstdc++6"} ${debFile "libgcc-s1"}; do
      dpkg-deb -x $deb unpacked
    done
    mkdir -p $out/bin $out/lib
    cp -L $(find unpacked -name '*.so*' -type f -o -name '*.so*' -type l) $out/lib/
    cp unpacked/usr/bin/patchelf $out/lib/patchelf
    printf '#!%s\nexec %s --library-path %s %s "$@"\n' \
      "${bootstrap}/bin/sh" "$out/lib/${loader}" "$out/lib" "$out/lib/patchelf" > $out/bin/patchelf
    chmod +x $out/bin/patchelf
  '';

  # Gives each ELF file the loader and the library folders of the store.
  patch = libraries: ''
    rpath=$out/lib${builtins.concatStringsSep "" (map (library: ":${library}/lib") libraries)}
    find $out -type f | while read -r file; do
      [ "$(head -c 4 "$file" | tr -d '\0')" = "$(printf '\177ELF')" ] || continue
      case "$file" in *.o | *.a) continue ;; esac
      chmod u+w "$file"
      if ${patchelf}/bin/patchelf --print-interpreter "$file" >/dev/null 2>&1; then
        ${patchelf}/bin/patchelf --set-interpreter ${libc6}/lib/${loader} "$file"
      fi
      ${patchelf}/bin/patchelf --set-rpath "$rpath" "$file" || true
    done
  '';

  markOf = name: if rebuilt ? ${name} then "+${rebuilt.${name}}" else "";
  mark = name: if rebuilt ? ${name} then "mkdir -p $out/share; echo ${rebuilt.${name}} > $out/share/rebuilt\n" else "";

  # The loader and libc find each other by themselves and stay as they are.
  libc6 = runCommand "libc6-${inputs.debs.libc6.version}${markOf "libc6"}" { } (unpack "libc6" + mark "libc6");

  deb =
    name:
    if name == "libc6" then
      libc6
    else
      runCommand "${name}-${inputs.debs.${name}.version}${markOf name}" { } (
        unpack name + mark name + patch (map deb inputs.debs.${name}.depends)
      );

  dash = deb "dash";
  shell = "${dash}/bin/dash";

  bash = deb "bash";

  nodejs = runCommand "nodejs-${inputs.node.version}" { } ''
    mkdir -p $out/bin
    cp ${prepared { name = "node"; inherit (inputs.node) sha256; mode = "recursive"; }} $out/bin/node
    chmod +wx $out/bin/node
    ${patch (map deb [ "libc6" "libstdc++6" "libgcc-s1" ])}
  '';

  npmFile = name: prepared {
    name = "${name}-${npm.${name}.version}.tgz";
    inherit (npm.${name}) sha256;
    mode = "flat";
  };

  # A package of npm's that needs no other, with its program.
  npmPackage = name: program: main: runCommand "${name}-${npm.${name}.version}" { } ''
    mkdir -p $out/bin $out/lib
    tar -xzf ${npmFile name}
    cp -R package $out/lib/${name}
    printf '#!%s\nexec %s %s "$@"\n' ${shell} ${nodejs}/bin/node $out/lib/${name}/${main} > $out/bin/${program}
    chmod +x $out/bin/${program}
  '';

  # What nixpkgs' fetcher makes of the lockfile is made by the prepare script, by the same steps: it has to have the hash
  # that the package says, or that is out of date.
  fetchDeps =
    { pname, hash, ... }:
    if hash == npm.deps.hash then
      prepared {
        name = "${pname}-pnpm-deps";
        sha256 = hash;
        mode = "recursive";
      }
    else
      throw "${pname}: what pnpm installs has changed, or test/world/prepare was not run since; of this pnpm-lock.yaml it made hash = \"${npm.deps.hash}\"";

  # Does what nixpkgs' hook does: installs from what was fetched, as the lockfile says.
  configHook = runCommand "pnpm-config-hook" { } ''
    mkdir -p $out/nix-support
    cat > $out/nix-support/setup-hook <<'EOF'
    installPnpmDeps() {
      export HOME=$PWD/../home
      mkdir $HOME
      cp -R $pnpmDeps ../pnpm-store
      chmod -R u+w ../pnpm-store
      pnpm config set store-dir "$PWD/../pnpm-store"
      pnpm config set package-import-method clone-or-copy
      for workspace in "''${pnpmWorkspaces[@]}"; do pnpmInstallFlags+=("--filter=$workspace"); done
      pnpm install --offline --ignore-scripts "''${pnpmInstallFlags[@]}" --frozen-lockfile
    }
    postConfigureHooks+=(installPnpmDeps)
    EOF
  '';

  # A script in bin.
  scriptPackage =
    name: script:
    runCommand name { } ''
      mkdir -p $out/bin
      ${script}
      find $out/bin -type f -exec chmod +x {} +
    '';
in
rec {
  inherit system runCommand bash;
  stdenv = { inherit mkDerivation; };
  runtimeShell = shell;
  runtimeShellPackage = dash;

  coreutils = deb "coreutils";
  curl = deb "curl";

  nodejs_24 = nodejs;
  esbuild = runCommand "esbuild-${npm.esbuild.version}" { } ''
    tar -xzf ${npmFile "esbuild"}
    mkdir -p $out/bin
    cp package/bin/esbuild $out/bin/esbuild
  '';
  pnpm_10 = npmPackage "pnpm" "pnpm" "bin/pnpm.cjs" // { inherit fetchDeps configHook; };

  # Debian's fortune looks for its data in /usr; told where they are, it does not.
  fortune = scriptPackage "fortune-${inputs.debs.fortune-mod.version}" ''
    printf '#!%s\nexec %s "$@" %s\n' ${shell} ${deb "fortune-mod"}/games/fortune \
      ${deb "fortunes-min"}/share/games/fortunes > $out/bin/fortune
  '';

  cacert = runCommand "cacert-${inputs.debs.ca-certificates.version}" { } ''
    dpkg-deb -x ${debFile "ca-certificates"} unpacked
    mkdir -p $out/etc/ssl/certs
    find unpacked/usr/share/ca-certificates -name '*.crt' | sort | while read -r file; do
      cat "$file"
    done > $out/etc/ssl/certs/ca-bundle.crt
  '';

  tzdata = deb "tzdata";

  mkShell = attributes: runCommand "shell" { } "mkdir $out";

  # Targets of other shapes, for the tests.
  tests = {
    # Releases of a service, one after the other: the first, two of the application, one with another version of a
    # library, one with another C library below everything.
    releases = builtins.mapAttrs (_: rebuilt: (import ./packages.nix { inherit system rebuilt; }).tests.service) rec {
      first = { };
      second = { service = "2"; };
      third = { service = "3"; assets = "2"; };
      bumped = third // { service = "4"; libssl3 = "b2"; };
      rebased = bumped // { service = "5"; libc6 = "b2"; };
    };
    # A program, what it shows, and what it runs.
    service =
      let
        assets = runCommand "service-assets-1${markOf "assets"}" { } ''
          mkdir -p $out/share
          head -c 300000 ${cacert}/etc/ssl/certs/ca-bundle.crt > $out/share/pictures
          ${mark "assets"}
        '';
      in
      scriptPackage "service-1${markOf "service"}" ''
        printf '#!%s\nexport ASSETS=%s FORTUNE=%s SSL_CERT_FILE=%s TZDIR=%s PATH=%s\nexec %s "$@"\n' ${shell} ${assets} \
          ${fortune}/bin/fortune ${cacert}/etc/ssl/certs/ca-bundle.crt ${tzdata}/share/zoneinfo ${coreutils}/bin \
          ${curl}/bin/curl > $out/bin/service
        ${mark "service"}
      '';
    # A target that is itself an executable file.
    single-file = runCommand "single-file-1.0" { } ''
      printf '#!%s\necho one file\n' ${shell} > $out
      chmod +x $out
    '';
    # What nixpkgs' wrapProgram leaves: the real program hidden beside its wrapper.
    wrapped = scriptPackage "wrapped-2.1" ''
      printf '#!%s\necho "wrapped $GREETING"\n' ${shell} > $out/bin/.wrapped-program-wrapped
      printf '#!%s\nexport GREETING=hello\nexec %s "$@"\n' ${shell} $out/bin/.wrapped-program-wrapped > $out/bin/wrapped-program
    '';
    # Two programs, neither named like the package.
    several = scriptPackage "several-0.3" ''
      for name in one two; do
        printf '#!%s\necho %s\n' ${shell} $name > $out/bin/$name
      done
    '';
    # Both have share/readme.
    clash-a = runCommand "clash-a-1.0" { } "mkdir -p $out/share/both; echo a > $out/share/readme; echo a > $out/share/both/a";
    clash-b = runCommand "clash-b-1.0" { } "mkdir -p $out/share/both; echo b > $out/share/readme; echo b > $out/share/both/b";
    # No program at all.
    data = runCommand "data-1.0" { } "mkdir -p $out/share/data; echo data > $out/share/data/file";
    # A file that no image can hold.
    whiteout = runCommand "whiteout-1.0" { } "mkdir -p $out/share; echo x > $out/share/.wh.hidden";
  };
}
