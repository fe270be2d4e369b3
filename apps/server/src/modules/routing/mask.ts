/** How well-known keys begin; what comes before the secret part may be shown. The longer ones first. */
const vendorPrefixes = [
  "sk-svcacct-",
  "sk-or-v1-",
  "sk-admin-",
  "sk-proj-",
  "sk-ant-",
  "sk-or-",
  "sk-",
  "AIza",
  "gsk_",
  "xai-",
  "hf_",
  "r8_",
];

/**
 * What a person may see of a key: the vendor's prefix and its last four characters, the last two under 20 characters,
 * and never more than half of what follows the prefix.
 */
export function maskKey(key: string): { masked: string; lastCharacters: string } {
  const prefix = vendorPrefixes.find((candidate) => key.startsWith(candidate)) ?? "";
  const hidden = key.length - prefix.length;
  const shown = Math.min(key.length < 20 ? 2 : 4, Math.floor(hidden / 2));
  const lastCharacters = shown === 0 ? "" : key.slice(-shown);
  return { masked: `${prefix}…${lastCharacters}`, lastCharacters };
}
