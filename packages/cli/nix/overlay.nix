# The command as a package, and what builds images as dockerTools does: stowageTools.buildImage.
final: prev: {
  stowage = import ./package.nix { pkgs = final; };
  stowageTools.buildImage = import ./build-image.nix { inherit (final) runCommand stowage; };
}
