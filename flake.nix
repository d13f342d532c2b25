{
  description = "Stowage packs a Nix build into a container image; Fortune Cat is the service it packs";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      forAllSystems =
        f:
        builtins.listToAttrs (
          map (system: { name = system; value = f system nixpkgs.legacyPackages.${system}; }) systems
        );
    in
    {
      packages = forAllSystems (
        _system: pkgs:
        let
          fortune-cat = import ./apps/fortune-cat/package.nix { inherit pkgs; };
        in
        {
          inherit fortune-cat;
          default = fortune-cat;
        }
      );

      apps = forAllSystems (system: _pkgs: {
        default = {
          type = "app";
          program = "${self.packages.${system}.fortune-cat}/bin/fortune-cat";
        };
      });

      devShells = forAllSystems (_system: pkgs: {
        default = pkgs.mkShell {
          packages = map (name: pkgs.${name}) (
            builtins.filter (name: pkgs ? ${name}) [ "nodejs_24" "pnpm" "skopeo" "umoci" "graphviz" "python3" ]
          );
        };
      });
    };
}
