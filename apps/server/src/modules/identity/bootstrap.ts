import { createHash, timingSafeEqual } from "node:crypto";

export type BootstrapKind = "operator" | "developer";

/** Recognises `ADMIN_TOKEN` and `DEVELOPER_ADMIN_TOKEN`, both values of a ring. */
export type BootstrapCredentials = { match(token: string): BootstrapKind | null };

export function createBootstrapCredentials(rings: {
  adminTokens: readonly string[];
  developerAdminTokens: readonly string[];
}): BootstrapCredentials {
  const known = [
    ...rings.adminTokens.map((token) => ({ kind: "operator" as const, digest: digestOf(token) })),
    ...rings.developerAdminTokens.map((token) => ({ kind: "developer" as const, digest: digestOf(token) })),
  ];
  return {
    match: (token) => {
      const digest = digestOf(token);
      let kind: BootstrapKind | null = null;
      // All are compared, whichever matches, so that the time tells nothing.
      for (const candidate of known) if (timingSafeEqual(candidate.digest, digest)) kind ??= candidate.kind;
      return kind;
    },
  };
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
