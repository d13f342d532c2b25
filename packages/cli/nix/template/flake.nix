{
  description = "A program and its container image";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  # Where this template came from; a path or any other flake reference.
  inputs.stowage.url = "flake:stowage";
  inputs.stowage.inputs.nixpkgs.follows = "nixpkgs";

  outputs =
    { self, nixpkgs, stowage }:
    let
      system = "x86_64-linux";
      pkgs = nixpkgs.legacyPackages.${system};
    in
    {
      packages.${system} = rec {
        default = app;

        app = pkgs.runCommand "app-1.0" { } ''
          mkdir -p $out/bin
          printf '#!%s\nexec %s "hello from $(%s -n)"\n' \
            ${pkgs.runtimeShell} ${pkgs.coreutils}/bin/echo ${pkgs.coreutils}/bin/uname > $out/bin/app
          chmod +x $out/bin/app
        '';

        # nix build .#image && docker load -i result && docker run --rm app:1.0
        image = stowage.lib.buildImage {
          name = "app";
          tag = "1.0";
          target = app;
        };
      };
    };
}
