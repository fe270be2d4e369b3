/** Where this code runs, as far as that decides whether it can reach a program on the same computer. */

export type UnsupportedReason = "insecure_page" | "frame" | "mixed_content" | "worker";
export type LoopbackPermission = "granted" | "denied" | "prompt" | "none";

export function isPage(): boolean {
  return typeof document !== "undefined" && typeof location !== "undefined";
}

/** A page that was itself served from this computer: no browser asks its user about it. */
export function isLoopbackPage(): boolean {
  return isPage() && isLoopbackHost(location.hostname);
}

export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/i.test(hostname);
}

/** Why no call to this computer can work from here, whatever its user allows; absent: it may. */
export function unsupportedReason(): UnsupportedReason | undefined {
  if (!isPage()) return "WorkerGlobalScope" in globalThis ? "worker" : undefined;
  if (isLoopbackPage()) return undefined;
  if (globalThis.isSecureContext === false) return "insecure_page";
  if (!frameAllows()) return "frame";
  return blocksMixedContent() ? "mixed_content" : undefined;
}

/** `none`: this browser has no such permission. */
export async function loopbackPermission(): Promise<LoopbackPermission> {
  // The second name is that of Chromium 142 to 144. Source: https://chromestatus.com/feature/5068298146414592, 2026-11-25.
  for (const name of ["loopback-network", "local-network-access"]) {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state;
    } catch {
      // A browser that does not know the name refuses it; one without permissions has nothing to ask.
    }
  }
  return "none";
}

/** Whether its user has just done something in this page. Read it before anything is awaited: it fades. */
export function hasGesture(): boolean {
  return isPage() && (navigator.userActivation?.isActive ?? true);
}

type FeaturePolicy = { features(): string[]; allowsFeature(name: string): boolean };

function frameAllows(): boolean {
  const policy = (document as { featurePolicy?: FeaturePolicy }).featurePolicy;
  if (!policy) return true;
  const known = policy.features();
  const name = ["loopback-network", "local-network-access"].find((one) => known.includes(one));
  return name === undefined || policy.allowsFeature(name);
}

// WebKit takes http://127.0.0.1 for mixed content on an https page unless the call can say which address space it
// means. All browsers of iOS are WebKit, too.
function blocksMixedContent(): boolean {
  return (
    location.protocol === "https:" &&
    /^Apple/.test(navigator.vendor ?? "") &&
    !("targetAddressSpace" in Request.prototype)
  );
}
