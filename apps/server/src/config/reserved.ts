/**
 * Names of our own prefixes that are known though nothing here parses them: variables of later versions. They raise no
 * warning.
 */
export const reservedNames: readonly string[] = [];

/** Our own prefixes: a name that begins with one of them and is not known is probably a typing error. */
export const ownPrefixes: readonly string[] = ["HOSTED_", "MODELFAUCET_", "VITE_MODELFAUCET_"];

/** Prefixes that bundlers copy into what every visitor can read. */
export const browserPrefixes: readonly string[] = [
  "VITE_",
  "NEXT_PUBLIC_",
  "REACT_APP_",
  "EXPO_PUBLIC_",
  "NUXT_PUBLIC_",
  "PLASMO_PUBLIC_",
  "WXT_",
];
