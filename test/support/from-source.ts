/** An option of V8: a wrapper around WebAssembly is compiled after this many calls, which is never reached. */
const NO_TIER_UP = "--wasm-wrapper-tiering-budget=1000000000";

/**
 * Options of Node for running the packages from their TypeScript. Node takes the types away with a WebAssembly module;
 * where several threads do that, V8 frees compiled wrappers that are in use (Node 24.21: one process in 50 that packed
 * some 20 times ended with SIGSEGV in `Runtime_TierUpWasmToJSWrapper`). What is built has no types to take away.
 */
export const fromSource: readonly string[] = ["--conditions=@stowage/source", NO_TIER_UP];

/** The options for a process that finds the packages' sources in another way. */
export const typesTakenAway: readonly string[] = [NO_TIER_UP];
