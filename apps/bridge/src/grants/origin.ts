import { isLoopbackAddress, plainHost } from "../config/address.ts";

/**
 * Extensions have an origin of their own: a hash in letters a to p, or a UUID that the browser drew.
 * Source: https://developer.chrome.com/docs/extensions/reference/manifest/key,
 * https://developer.mozilla.org/docs/Mozilla/Add-ons/WebExtensions/manifest.json/web_accessible_resources, November 2026.
 */
const extensionForms = [
  /^chrome-extension:\/\/[a-p]{32}$/,
  /^moz-extension:\/\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  /^safari-web-extension:\/\/[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/,
];

/** True for the exact text of an origin that can be paired: `null`, lists, wildcards and other spellings are none. */
export function isPairableOrigin(text: string): boolean {
  if (text.length > 300) return false;
  if (isExtensionOrigin(text)) return true;
  if (!/^https?:\/\/[!-~]+$/.test(text) || /[*,@\\]/.test(text)) return false;
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.origin !== text || url.hostname === "") return false;
  return url.protocol === "https:" || isLoopbackName(url.hostname);
}

export function isExtensionOrigin(text: string): boolean {
  return extensionForms.some((form) => form.test(text));
}

/** The origin that a person means by a URL they typed, in its ASCII form; `null` when it can have no grant. */
export function originOfUrl(text: string): string | null {
  if (isPairableOrigin(text)) return text;
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (
    url.username !== "" ||
    url.password !== "" ||
    url.pathname !== "/" ||
    url.search !== "" ||
    url.hash !== ""
  )
    return null;
  return isPairableOrigin(url.origin) ? url.origin : null;
}

/** Browsers keep `localhost` and names under it on this computer. Source: https://www.w3.org/TR/secure-contexts/, 2026. */
function isLoopbackName(hostname: string): boolean {
  const host = plainHost(hostname);
  return host === "localhost" || host.endsWith(".localhost") || isLoopbackAddress(host);
}
