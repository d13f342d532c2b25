# An image as a Nix build: `stowage pack` inside the sandbox. Attributes that dockerTools has mean what they mean there.
{ runCommand, stowage }:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    filter
    isList
    stringLength
    substring
    ;

  fail = message: throw "stowage.buildImage: ${message}";

  # What dockerTools can and an image of store paths cannot, by the value that asks for nothing.
  refused = {
    fromImageName = {
      nothing = null;
      reason = "fromImage is one image; take it out of an archive of several first";
    };
    fromImageTag = {
      nothing = null;
      reason = "fromImage is one image; take it out of an archive of several first";
    };
    extraCommands = {
      nothing = "";
      reason = commands;
    };
    fakeRootCommands = {
      nothing = "";
      reason = commands;
    };
    enableFakechroot = {
      nothing = false;
      reason = commands;
    };
    runAsRoot = {
      nothing = null;
      reason = commands;
    };
    keepContentsDirlinks = {
      nothing = false;
      reason = "contents are linked, not copied";
    };
    diskSize = {
      nothing = 1024;
      reason = "no virtual machine is run; leave it out";
    };
    buildVMMemorySize = {
      nothing = 512;
      reason = "no virtual machine is run; leave it out";
    };
    includeStorePaths = {
      nothing = true;
      reason = "an image has its store paths; use the packages themselves where these are mounted";
    };
    compressor = {
      nothing = "none";
      reason = "layers are compressed, not the file: compression = \"gzip\" or \"zstd\" in its place";
    };
    system = {
      nothing = null;
      reason = "images are built where the packages of this set are; lib.buildImage of the flake chooses";
    };
    layeringPipeline = {
      nothing = null;
      reason = "layers are planned by layering (expected, popularity, auto, single, per-path) and maxLayers";
    };
    mtime = {
      nothing = "1970-01-01T00:00:01Z";
      reason = "files have the time that they have in the store; created is the image's";
    };
    uid = {
      nothing = 0;
      reason = "files are root's; user is who the program runs as";
    };
    gid = {
      nothing = 0;
      reason = "files are root's; user is who the program runs as";
    };
    uname = {
      nothing = "root";
      reason = "files are root's; user is who the program runs as";
    };
    gname = {
      nothing = "root";
      reason = "files are root's; user is who the program runs as";
    };
    debug = {
      nothing = false;
      reason = "nix build --print-build-logs shows what is done";
    };
  };
  commands = "no command runs inside of an image; make a package of what it would write, and name it as contents";

  layerings = [ "expected" "popularity" "auto" "single" "per-path" ];

  known = [
    "name"
    "tag"
    "fromImage"
    "includeNixDB"
    "target"
    "contents"
    "copyToRoot"
    "config"
    "created"
    "architecture"
    "maxLayers"
    "layering"
    "compression"
    "user"
    "link"
    "passthru"
    "meta"
  ];

  # What a string depends on, by name: outputs of derivations, and files.
  namesIn =
    string:
    let
      context = builtins.getContext string;
      namesOf =
        path:
        let
          name = substring 33 (stringLength path) (baseNameOf path);
          derivation = substring 0 (stringLength name - stringLength ".drv") name;
        in
        (if context.${path}.path or false then [ name ] else [ ])
        ++ map (output: if output == "out" then derivation else "${derivation}-${output}") (
          context.${path}.outputs or [ ]
        );
    in
    concatMap namesOf (attrNames context);

  # The store paths that a string names and depends on. Its context says where a name ends: a sentence's full stop may be next.
  storePathsIn =
    string:
    let
      names = namesIn string;
      pathOf =
        found:
        let
          text = builtins.elemAt found 1;
          longest = builtins.foldl' (
            best: name:
            if stringLength name > stringLength best && substring 0 (stringLength name) text == name then
              name
            else
              best
          ) "" names;
          path = "${builtins.storeDir}/${builtins.head found}-${longest}";
        in
        if longest == "" then [ ] else [ (builtins.appendContext path (builtins.getContext string)) ];
    in
    concatMap pathOf (
      filter isList (
        builtins.split "${builtins.storeDir}/([0-9a-df-np-sv-z]{32})-([0-9a-zA-Z+._?=-]+)" (
          builtins.unsafeDiscardStringContext string
        )
      )
    );

  unique =
    list: builtins.foldl' (before: item: if builtins.elem item before then before else before ++ [ item ]) [ ] list;

  toList = value: if isList value then value else [ value ];

  # What is null is not given.
  withoutNulls = set: removeAttrs set (filter (name: set.${name} == null) (attrNames set));

  # An image's name has no upper case.
  toLower = builtins.replaceStrings (letters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (letters "abcdefghijklmnopqrstuvwxyz");
  letters = word: builtins.genList (at: substring at 1 word) (stringLength word);
in
given:
let
  arguments = withoutNulls given;

  refuse =
    name:
    if refused ? ${name} then
      (if arguments.${name} == refused.${name}.nothing then
        null
      else
        fail "${name}: ${refused.${name}.reason}")
    else if builtins.elem name known then
      null
    else
      fail "there is no attribute '${name}'; there are ${concatStringsSep ", " known}";

  maxLayers = arguments.maxLayers or 100;
  layering = arguments.layering or "expected";
  compression = arguments.compression or "none";

  target = toList (arguments.target or [ ]);
  contents = toList (arguments.contents or [ ]) ++ toList (arguments.copyToRoot or [ ]);
  linked = map (path: "${path}") contents;
  packed = map (path: "${path}") target ++ linked;

  # An entrypoint is found by rule for a target only: what dockerTools was told starts as it did there.
  config = (if target == [ ] then { Entrypoint = [ ]; } else { }) // withoutNulls (arguments.config or { });
  imageConfig = builtins.toJSON config;
  named = unique (storePathsIn imageConfig);

  # Without a target or contents the image is of what its config names.
  targets = if packed == [ ] then named else packed;
  # The store path that a target is, or lies in.
  rootOf = path: builtins.head (storePathsIn path ++ [ path ]);
  roots = map rootOf targets;
  inside = filter (path: rootOf path != path) linked;

  first = builtins.head target;
  name =
    arguments.name or (
      if target == [ ] || !(builtins.isAttrs first) then
        fail "name is missing"
      else
        first.pname or (builtins.parseDrvName first.name).name
    );
  optional = attribute: words: if arguments ? ${attribute} then words arguments.${attribute} else [ ];

  words =
    concatMap (path: [ "--include" path ]) (filter (path: !(builtins.elem path roots)) named)
    ++ (if contents == [ ] then [ ] else [ "--copy-to-root" ])
    ++ [
      "--created"
      (arguments.created or "1970-01-01T00:00:01Z")
      "--max-layers"
      (toString maxLayers)
      "--layering"
      layering
      "--compression"
      compression
    ]
    ++ optional "architecture" (architecture: [ "--platform" "linux/${architecture}" ])
    ++ optional "fromImage" (image: [ "--base" "${image}" ])
    ++ (if arguments.includeNixDB or false then [ "--with" "nix-db" ] else [ ])
    ++ optional "link" (link: [ "--link" link ])
    ++ optional "user" (user: [ "--user" user ]);

  image =
    runCommand "${baseNameOf name}.tar"
      {
        __structuredAttrs = true;
        # What the image holds must not have to stay because the image names it.
        unsafeDiscardReferences.out = true;
        preferLocalBuild = true;
        nativeBuildInputs = [ stowage ];
        exportReferencesGraph.closure = unique (roots ++ named);
        imageName = toLower name;
        imageTag = arguments.tag or "";
        inherit imageConfig targets words;
        meta = { description = "Container image ${name}"; } // arguments.meta or { };
        passthru = {
          imageName = toLower name;
          imageTag =
            arguments.tag
              or (builtins.head (builtins.split "-" (baseNameOf (builtins.unsafeDiscardStringContext image.outPath))));
          inherit stowage;
        } // arguments.passthru or { };
      }
      ''
        # As dockerTools has it: an image without a tag has its output's hash.
        base=''${out##*/}
        printf '%s' "$imageConfig" > config.json
        # Old versions of Nix name the file as it is called outside of the sandbox.
        graph=$NIX_ATTRS_JSON_FILE
        # Without a sandbox a cache at $HOME would stay behind, and Nix builds nothing while /homeless-shelter is there.
        export XDG_CACHE_HOME=$NIX_BUILD_TOP/.cache
        [ -e "$graph" ] || graph=$NIX_BUILD_TOP/.attrs.json
        # As any build's output: Nix flushes before it registers a path where it is told to (sync-before-registering).
        stowage pack --no-sync --graph "$graph" "''${targets[@]}" "''${words[@]}" \
          --config config.json --tag "$imageName:''${imageTag:-''${base%%-*}}" --output "$out"
      '';
in
assert builtins.all (name: refuse name == null) (attrNames arguments);
assert targets != [ ] || fail "nothing to pack: give target, contents, or a config that names a package";
assert
  inside == [ ]
  || fail "contents: '${builtins.head inside}' lies in a store path, and whole ones are linked into /; make a package of links to it";
assert builtins.match ".*:[^/]*" name == null || fail "name: '${name}' has a tag; it is the attribute tag";
assert
  builtins.elem layering layerings
  || fail "layering: '${layering}' is not one of ${concatStringsSep ", " layerings}";
assert
  builtins.match "none|(gzip|zstd)(:[0-9]+)?" compression != null
  || fail "compression: '${compression}' is not one of none, gzip[:LEVEL], zstd[:LEVEL]";
assert (builtins.isInt maxLayers && maxLayers >= 2 && maxLayers <= 125) || fail "maxLayers must be from 2 to 125";
builtins.deepSeq words image
