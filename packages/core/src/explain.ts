/*
 * What explains a closure that lies in a store on this machine, a part of the root export: a verb that needs no more starts a tenth
 * sooner with it (`ls` of 120 paths 0.23 s in place of 0.25).
 */
export { analyze, describeClosure } from "./analyze.ts";
export { analyzeRoots } from "./analyze-roots.ts";
export { adviseCuts } from "./analyze/cut.ts";
export { diffClosures } from "./analyze/diff.ts";
export { findDuplicates } from "./analyze/dupes.ts";
export { findReferences } from "./analyze/precise.ts";
export { similarNames } from "./analyze/similar-names.ts";
export { treeRows } from "./analyze/tree.ts";
export { allChains, shortestChain, takeChains } from "./analyze/why.ts";
export { matchesPackage } from "./budget/glob.ts";
export { buildGraph } from "./graph/closure-graph.ts";
export { describeGraph, exportGraph } from "./graph/export/export-graph.ts";
export { computeSizes } from "./graph/sizes.ts";
export { loadClosure } from "./load-closure.ts";
export { sbom } from "./sbom.ts";
