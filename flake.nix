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
      # Images hold Linux programs, also where they are asked for on a Mac.
      imageSystems = {
        x86_64-darwin = "x86_64-linux";
        aarch64-darwin = "aarch64-linux";
      };
    in
    {
      packages = forAllSystems (
        system: pkgs:
        let
          fortune-cat = import ./apps/fortune-cat/package.nix { inherit pkgs; };
        in
        {
          inherit fortune-cat;
          default = fortune-cat;
          stowage = import ./packages/cli/nix/package.nix { inherit pkgs; };
          fortune-cat-image = self.lib.buildImage {
            name = "fortune-cat";
            tag = "0.1.0";
            target = self.packages.${imageSystems.${system} or system}.fortune-cat;
            user = "cat";
            config.ExposedPorts."8001/tcp" = { };
          };
        }
      );

      # As dockerTools' buildImage and buildLayeredImage; where it is built follows from what is packed.
      lib.buildImage = import ./packages/cli/nix/flake-build-image.nix {
        inherit (nixpkgs) legacyPackages;
        inherit (self) packages;
      };

      overlays.default = import ./packages/cli/nix/overlay.nix;

      templates.default = {
        path = ./packages/cli/nix/template;
        description = "A program and its container image";
        welcomeText = "Name Stowage's flake in flake.nix (inputs.stowage.url), then: nix build .#image";
      };

      checks = forAllSystems (
        system: pkgs: {
          inherit (self.packages.${system}) stowage fortune-cat-image;
          fortune-cat-image-is-whole =
            pkgs.runCommand "fortune-cat-image-is-whole" { nativeBuildInputs = [ self.packages.${system}.stowage ]; }
              ''
                stowage verify ${self.packages.${system}.fortune-cat-image}
                echo whole > $out
              '';
        }
      );

      apps = forAllSystems (system: _pkgs: {
        default = {
          type = "app";
          program = "${self.packages.${system}.fortune-cat}/bin/fortune-cat";
        };
        stowage = {
          type = "app";
          program = "${self.packages.${system}.stowage}/bin/stowage";
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
