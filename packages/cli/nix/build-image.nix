# An image as a Nix build: `stowage pack` inside the sandbox. Attributes that dockerTools has mean what they mean there.
{ runCommand, stowage }:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    filter
    hasContext
    isAttrs
    isList
    isString
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

  compressions = {
    none = "none";
    gz = "gzip";
    zstd = "zstd";
  };

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
    "compressor"
    "user"
    "link"
    "passthru"
    "meta"
    "system"
  ];

  # All strings in a value that name something which is built.
  builtStrings =
    value:
    if isString value then
      (if hasContext value then [ value ] else [ ])
    else if isList value then
      concatMap builtStrings value
    else if isAttrs value && value ? outPath then
      [ "${value}" ]
    else if isAttrs value then
      concatMap builtStrings (map (name: value.${name}) (attrNames value))
    else
      [ ];

  # The store paths that a string names, each with what the string depends on.
  storePathsIn =
    string:
    map (found: builtins.appendContext (builtins.head found) (builtins.getContext string)) (
      filter isList (
        builtins.split "(${builtins.storeDir}/[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+._?=-]+)" (
          builtins.unsafeDiscardStringContext string
        )
      )
    );

  unique =
    list: builtins.foldl' (before: item: if builtins.elem item before then before else before ++ [ item ]) [ ] list;

  toList = value: if value == null then [ ] else if isList value then value else [ value ];
in
arguments:
let
  refuse =
    name:
    if refused ? ${name} then
      (if arguments.${name} == refused.${name}.nothing || arguments.${name} == null then
        null
      else
        fail "${name}: ${refused.${name}.reason}")
    else if builtins.elem name known then
      null
    else
      fail "there is no attribute '${name}'; there are ${concatStringsSep ", " known}";

  oneOf =
    name: value: choices:
    if builtins.elem value choices then
      value
    else
      fail "${name}: '${toString value}' is not one of ${concatStringsSep ", " choices}";

  tag = arguments.tag or null;
  config = arguments.config or { };
  maxLayers = arguments.maxLayers or 100;
  architecture = arguments.architecture or null;
  user = arguments.user or null;
  fromImage = arguments.fromImage or null;
  link = arguments.link or null;
  passthru = arguments.passthru or { };

  target = map (path: "${path}") (toList (arguments.target or null));
  contents = map (path: "${path}") (toList (arguments.contents or null) ++ toList (arguments.copyToRoot or null));
  named = unique (concatMap storePathsIn (builtStrings config));

  # Without a target or contents the image is of what its config names.
  targets = if target ++ contents == [ ] then named else target ++ contents;
  name =
    arguments.name or (
      if arguments.target or null == null then
        fail "name is missing"
      else
        arguments.target.pname or (builtins.parseDrvName arguments.target.name).name
    );

  # An entrypoint is found by rule for a target only: what dockerTools was told starts as it did there.
  wholeConfig = (if target == [ ] then { Entrypoint = [ ]; } else { }) // config;

  words =
    concatMap (path: [ "--include" path ]) (filter (path: !(builtins.elem path targets)) named)
    ++ (if contents == [ ] then [ ] else [ "--copy-to-root" ])
    ++ [
      "--created"
      (arguments.created or "1970-01-01T00:00:01Z")
      "--max-layers"
      (toString maxLayers)
      "--layering"
      (oneOf "layering" (arguments.layering or "expected") layerings)
      "--compression"
      compressions.${oneOf "compressor" (arguments.compressor or "none") (attrNames compressions)}
    ]
    ++ (if architecture == null then [ ] else [ "--platform" "linux/${architecture}" ])
    ++ (if fromImage == null then [ ] else [ "--base" "${fromImage}" ])
    ++ (if arguments.includeNixDB or false then [ "--with" "nix-db" ] else [ ])
    ++ (if link == null then [ ] else [ "--link" link ])
    ++ (if user == null then [ ] else [ "--user" user ]);

  image =
    runCommand "${baseNameOf name}.tar"
      {
        __structuredAttrs = true;
        # What the image holds must not have to stay because the image names it.
        unsafeDiscardReferences.out = true;
        preferLocalBuild = true;
        nativeBuildInputs = [ stowage ];
        exportReferencesGraph.closure = unique (targets ++ named);
        imageConfig = builtins.toJSON wholeConfig;
        imageName = name;
        imageTag = if tag == null then "" else tag;
        inherit targets words;
        meta = { description = "Container image ${name}"; } // arguments.meta or { };
        passthru = {
          imageName = name;
          imageTag = if tag != null then tag else builtins.head (builtins.split "-" (baseNameOf (builtins.unsafeDiscardStringContext image.outPath)));
          inherit stowage;
        } // passthru;
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
        stowage pack --graph "$graph" "''${targets[@]}" "''${words[@]}" \
          --config config.json --tag "$imageName:''${imageTag:-''${base%%-*}}" --output "$out"
      '';
in
assert builtins.all (name: refuse name == null) (attrNames arguments);
assert targets != [ ] || fail "nothing to pack: give target, contents, or a config that names a package";
assert (builtins.isInt maxLayers && maxLayers >= 2 && maxLayers <= 125) || fail "maxLayers must be from 2 to 125";
builtins.deepSeq words image
