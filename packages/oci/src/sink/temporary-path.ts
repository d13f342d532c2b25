/** What this process has on the disk under names that nobody is to find. */
const temporary = new Set<string>();

/** Marks a file, folder or link as temporary, until it is disposed of: it has its name then, or is gone. */
export function markTemporary(path: string): Disposable & { readonly path: string } {
  temporary.add(path);
  return { path, [Symbol.dispose]: () => void temporary.delete(path) };
}

/** What outputs in the making have on the disk now, for a process that ends without waiting for them. */
export function temporaryPaths(): readonly string[] {
  return [...temporary];
}
