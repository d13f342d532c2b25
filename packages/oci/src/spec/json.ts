/**
 * The one encoding of every document in an image: keys in the order they were put in, no white space, UTF-8. Digests
 * depend on it.
 */
export function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
