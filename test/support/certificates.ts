import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** A certificate and its key, files in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** An authority of a test's own, and a certificate that it gave to some names. */
export function makeCertificates(
  folder: string,
  names: readonly string[] = ["IP:127.0.0.1", "DNS:localhost"],
): { readonly authority: Certificate; readonly server: Certificate } {
  const pair = (name: string): Certificate => ({
    certificate: join(folder, `${name}.crt`),
    key: join(folder, `${name}.key`),
  });
  const [authority, server] = [pair("authority"), pair("server")];
  const openssl = (...words: string[]): void =>
    void execFileSync("openssl", words, { stdio: ["ignore", "ignore", "pipe"] });
  const made = ["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2"];
  openssl(...made, "-subj", "/CN=test authority", "-keyout", authority.key, "-out", authority.certificate);
  const signed = ["-CA", authority.certificate, "-CAkey", authority.key, "-subj", "/CN=test server"];
  const extensions = [
    "-addext",
    `subjectAltName=${names.join(",")}`,
    "-addext",
    "basicConstraints=critical,CA:FALSE",
  ];
  openssl(...made, ...signed, ...extensions, "-keyout", server.key, "-out", server.certificate);
  return { authority, server };
}
