# buildImage of the flake: with this flake's packages, for the system that what is packed was built on.
{ legacyPackages, packages }:
arguments:
let
  toList = value: if value == null then [ ] else if builtins.isList value then value else [ value ];
  packed =
    toList (arguments.target or null)
    ++ toList (arguments.contents or null)
    ++ toList (arguments.copyToRoot or null);
  systems = map (package: package.system) (
    builtins.filter (package: builtins.isAttrs package && package ? system) packed
  );
  system =
    arguments.system or (
      if systems == [ ] then
        throw "stowage.buildImage: system is missing, and nothing that is packed says it; where is it built? system = \"x86_64-linux\""
      else
        builtins.head systems
    );
in
if !(packages ? ${system}) then
  throw "stowage.buildImage: system: '${system}' is not one of ${builtins.concatStringsSep ", " (builtins.attrNames packages)}"
else
  import ./build-image.nix {
    inherit (legacyPackages.${system}) runCommand;
    inherit (packages.${system}) stowage;
  } (removeAttrs arguments [ "system" ])
