export type { CacheContents } from "./cache/cache-folder.ts";
export {
  clearCache,
  inspectCache,
  type CacheOptions,
  type RememberedContents,
} from "./cache/manage-cache.ts";
export { CoreError, type CoreErrorCode } from "./errors.ts";
export { buildGraph, type ClosureGraph } from "./graph/closure-graph.ts";
export type { StoreAccess } from "./open-stores.ts";
export { pack } from "./pack.ts";
export { plan, type PlanRequest, type PlanResult } from "./plan.ts";
export type { LayerReason, PlannedLayer } from "./plan/describe-plan.ts";
export type { Upgrade, UpgradeCause } from "./plan/upgrade.ts";
export type { Extra } from "./build/root/extras.ts";
export type { ImageFormat, PackedLayer, PackOptions, PackProgress, PackResult } from "./pack-options.ts";
export { indexImages, type IndexedImage, type IndexOptions, type IndexResult } from "./index-images.ts";
export { pushImage, type PushImageOptions, type PushImageResult } from "./push-image.ts";
export type { AttachedFile, Attachment } from "./registry/attach-files.ts";
export type { EngineName } from "./engine/engine.ts";
export type { LoadedImage } from "./engine/load-draft.ts";
export type { PushedName } from "./registry/push-draft-to.ts";
export { Registries, type RegistryAccess } from "./registry/registry-access.ts";
export type { LayeringStrategyName, LayerPlan } from "./plan/layer-plan.ts";
export type { ChangeHistory } from "./plan/expected/rates.ts";
export { layeringStrategyNames, planLayers } from "./plan/plan-layers.ts";
// The closure, explained.
export {
  analyze,
  describeClosure,
  type Analysis,
  type AnalyzedPath,
  type AnalyzeOptions,
} from "./analyze.ts";
export {
  readImageClosure,
  type ImageClosure,
  type ImageClosureOptions,
  type StoreLayerContents,
} from "./image-closure.ts";
export { isImageWord, type ImageAccess } from "./registry/open-image-at.ts";
export { loadClosure, type ClosureSource, type LoadedClosure } from "./load-closure.ts";
export {
  describeGraph,
  exportGraph,
  graphFormats,
  type GraphDocument,
  type GraphFormat,
} from "./graph/export/export-graph.ts";
export { findDuplicates, type Duplicate, type DuplicateCopy } from "./analyze/dupes.ts";
export {
  reconcile,
  type ReconciledPath,
  type ReconcileOptions,
  type Reconciliation,
  type SizeParts,
} from "./reconcile.ts";
export { adviseCuts, type Cut, type CutOptions } from "./analyze/cut.ts";
export {
  diffClosures,
  type ChangeKind,
  type ClosureDiff,
  type PackageChange,
  type PathChange,
} from "./analyze/diff.ts";
export { escapeBytes } from "./analyze/escape-bytes.ts";
export { findPaths } from "./analyze/find-paths.ts";
export { similarNames } from "./analyze/similar-names.ts";
export { measureOnDisk, type OnDiskSizes } from "./analyze/on-disk.ts";
export { packageOf, type Package } from "./analyze/package-of.ts";
export type { Copy } from "./analyze/pair-copies.ts";
export {
  findReferences,
  type Occurrence,
  type PreciseOptions,
  type PreciseReference,
} from "./analyze/precise.ts";
export type { ReferenceKind } from "./analyze/reference-kind.ts";
export { shareRoots, type RootShare, type RootShares } from "./analyze/roots.ts";
export { treeRows, type TreeOptions, type TreeRow } from "./analyze/tree.ts";
export { allChains, shortestChain, takeChains, type Chain, type ChainQuestion } from "./analyze/why.ts";
export { findDominators, type DominatorTree } from "./graph/dominators.ts";
export { computeSizes, type Sizes } from "./graph/sizes.ts";
export { parseBudget, type Budget } from "./budget/budget-file.ts";
export { checkBudget, type BudgetFailure, type BudgetReport } from "./budget/check-budget.ts";
export type { ImageMeasures, Measures } from "./budget/measure.ts";
export { ratchetBudget } from "./budget/ratchet-budget.ts";
export { writeBudget } from "./budget/write-budget.ts";
export { analyzeRoots, type RootsOptions, type StoreRoots } from "./analyze-roots.ts";
export { matchesPackage } from "./budget/glob.ts";
export { sbom, sbomFormats, type SbomFormat, type SbomOptions } from "./sbom.ts";
export { report, type ReportOptions, type ReportResult } from "./report.ts";
// The image, explained.
export { inspect } from "./inspect.ts";
export { inspectFiles, type LayerFiles } from "./inspect-files.ts";
export type {
  InspectedConfig,
  InspectedImage,
  InspectedLayer,
  InspectedPath,
  InspectedStep,
  InspectedWaste,
  Inspection,
  InspectOptions,
  LayerFileEntry,
  ReadProgress,
} from "./inspect-options.ts";
export { abandon } from "./abandon.ts";
// The image, verified.
export { verify } from "./verify.ts";
export type { StorePathStatus, VerifiedStorePath } from "./verify/check-store-paths.ts";
export type { StoreFindingCode, VerifyFinding, VerifyFindingCode } from "./verify/finding.ts";
export type {
  ImageReport,
  LayerReport,
  StoreReport,
  Verdict,
  VerifyOptions,
  VerifyProgress,
  VerifyResult,
} from "./verify-options.ts";
