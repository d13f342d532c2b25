{
  description = "Stands in for nixpkgs where there is no network: the few packages that flake.nix wants, made from Debian's and npm's";

  outputs =
    { self }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      forAllSystems = f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) systems);
    in
    {
      legacyPackages = forAllSystems (system: import ./packages.nix { inherit system; });
    };
}
