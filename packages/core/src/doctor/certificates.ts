import { extraParts, findExtraPart } from "../build/root/extras.ts";
import { packageOf } from "../analyze/package-of.ts";
import { infoAt } from "../graph/closure-graph.ts";
import type { Patient } from "./diagnose.ts";

/** Libraries whose users speak TLS, by the names of nixpkgs and Debian. */
const TLS = /^(openssl|libressl|gnutls|mbedtls|wolfssl|nss|libssl[0-9.a-z]*|libgnutls[0-9]*|libnss3)$/;
/** Programs that speak TLS and trust nobody by themselves. */
const SPEAKERS = /^(curl|libcurl[0-9a-z-]*|wget|wget2|git|git-minimal|aria2|gnutls-bin)$/;

/** No certificates, though a program that downloads over TLS is there. A library alone may be there for its hashes. */
export async function checkCertificates({ root, graph, container }: Patient): Promise<string[]> {
  const speaker = graph.infos.findIndex((info, position) => {
    if (!SPEAKERS.test(packageOf(info).name)) return false;
    return (
      graph.references[position]?.some((other) => TLS.test(packageOf(infoAt(graph, other)).name)) === true
    );
  });
  if (speaker === -1) return [];
  const isTold = (container.Env ?? []).some((setting) => /^(NIX_)?SSL_CERT_(FILE|DIR)=/.test(setting));
  const paths = graph.infos.map(({ path }) => path);
  const [bundle] = extraParts(["ca-certificates"]);
  if (isTold || bundle === undefined || (await findExtraPart(root.view, paths, bundle)) !== undefined)
    return [];
  for (const place of bundle.places) if ((await root.view.find(place)) !== undefined) return [];
  const { name } = packageOf(infoAt(graph, speaker));
  return [`${name} speaks TLS, and the image has no CA certificates: add --with ca-certificates`];
}
