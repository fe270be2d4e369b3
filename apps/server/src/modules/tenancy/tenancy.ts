/** The door of tenancy: who exists (developers, apps, features, end users) and what operators allow them. */
export {
  type AppIdentity,
  findAppsBySecretPrefix,
  forgetIdentitySecret,
  forgetPreviousSecret,
  keepKeySet,
  readAppKeys,
  rotateIdentitySecret,
} from "./app-identity-store.ts";
export { type AppOrigins, createAppOrigins } from "./app-origins.ts";
export {
  type App,
  type AppChange,
  type AppFilter,
  type AppScope,
  insertApp,
  listAppIds,
  listApps,
  lockApp,
  type RateLimits,
  readApp,
  replaceUntouchedOrigins,
  updateApp,
  type WalletLimits,
} from "./app-store.ts";
export {
  type Developer,
  insertDeveloper,
  listDevelopers,
  lockDeveloper,
  readDeveloper,
  readDeveloperByEmail,
  readSoleDeveloper,
  updateDeveloper,
} from "./developer-store.ts";
export {
  createDirectory,
  type Directory,
  type DirectoryApp,
  type DirectoryFeature,
  type EffectiveManifest,
} from "./directory.ts";
export {
  changeEndUser,
  type EndUser,
  ensureEndUser,
  insertEndUser,
  readEndUser,
  readEndUserByHash,
  readWalletState,
  type WalletState,
} from "./end-user-store.ts";
export {
  archiveFeature,
  changeFeature,
  type Feature,
  type FeatureContent,
  type FeatureVersion,
  insertFeature,
  listFeatures,
  listFeatureVersions,
  lockFeature,
  readFeature,
} from "./feature-store.ts";
export {
  findLimitTarget,
  type LimitPlace,
  type LimitRow,
  listLimits,
  writeLimit,
} from "./limit-store.ts";
export { type ModeChange, readChosenModes, writeChosenMode } from "./mode-store.ts";
export {
  featureNotFound,
  type Issue,
  invalidApp,
  isOriginAllowedHere,
  issuesOfPricing,
  isUrlAllowedHere,
  type Maxima,
  maximaOf,
  mergeLimits,
  refuseIssues,
  refuseOtherVersion,
  type StoredLimits,
} from "./rules.ts";
export { type OperatorSettings, readSettings, seedSettings, writeSettings } from "./settings-store.ts";
