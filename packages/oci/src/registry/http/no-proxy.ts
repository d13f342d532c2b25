import { BlockList, isIP } from "node:net";

/**
 * Whether `NO_PROXY` excepts an address by a network that it is in, `10.0.0.0/8`, as Go's programs and curl read it. Names, and addresses
 * one by one, undici compares itself.
 */
export function isInExceptedNetwork(hostname: string, noProxy: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  const family = isIP(address);
  if (family === 0) return false;
  const networks = new BlockList();
  for (const entry of noProxy.split(/[,\s]+/)) {
    const [, net = "", prefix = ""] = /^([\d.]+|[\da-f:.]+)\/(\d{1,3})$/i.exec(entry) ?? [];
    const kind = isIP(net);
    if (kind === family && Number(prefix) <= (kind === 4 ? 32 : 128))
      networks.addSubnet(net, Number(prefix), kind === 4 ? "ipv4" : "ipv6");
  }
  return networks.check(address, family === 4 ? "ipv4" : "ipv6");
}
