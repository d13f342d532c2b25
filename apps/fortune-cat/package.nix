# Fortune Cat as a Nix package: its source, Node, and the programs it runs.
{ pkgs }:
pkgs.runCommand "fortune-cat-0.1.0"
  {
    meta = {
      description = "A small web service: a cat that says a fortune";
      mainProgram = "fortune-cat";
    };
  }
  ''
    mkdir -p $out/bin $out/lib/fortune-cat
    cp ${./src}/*.ts $out/lib/fortune-cat/
    echo '{"type":"module"}' > $out/lib/fortune-cat/package.json

    cat > $out/bin/fortune-cat <<EOF
    #!${pkgs.runtimeShell}
    export PATH=${pkgs.coreutils}/bin\''${PATH:+:\$PATH}
    export FORTUNE_EXEC="\''${FORTUNE_EXEC:-${pkgs.fortune}/bin/fortune}"
    export SSL_CERT_FILE="\''${SSL_CERT_FILE:-${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt}"
    export TZDIR="\''${TZDIR:-${pkgs.tzdata}/share/zoneinfo}"
    exec ${pkgs.nodejs_24}/bin/node $out/lib/fortune-cat/main.ts "\$@"
    EOF

    # For a container's health check: asks the service how it is.
    cat > $out/bin/fortune-cat-health <<EOF
    #!${pkgs.runtimeShell}
    exec ${pkgs.curl}/bin/curl --fail --silent --show-error "http://127.0.0.1:\''${PORT:-8001}/health"
    EOF
    chmod +x $out/bin/fortune-cat $out/bin/fortune-cat-health
  ''
