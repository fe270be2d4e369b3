import { createHash, timingSafeEqual } from "node:crypto";

export type BootstrapKind = "operator" | "developer";

/** Recognises `ADMIN_TOKEN` and `DEVELOPER_ADMIN_TOKEN`, both values of a ring. */
export type BootstrapCredentials = {
  match(token: string): BootstrapKind | null;
  /** Whether a credential of that kind with that id (`credentialIdOf`) is still in the environment. */
  holds(kind: BootstrapKind, credentialId: string): boolean;
};

export function createBootstrapCredentials(rings: {
  adminTokens: readonly string[];
  developerAdminTokens: readonly string[];
  /** Told each time that one of them is recognised. */
  onUse?(kind: BootstrapKind, credentialId: string): void;
}): BootstrapCredentials {
  const known = [
    ...rings.adminTokens.map((token) => candidateOf("operator", token)),
    ...rings.developerAdminTokens.map((token) => candidateOf("developer", token)),
  ];
  return {
    match: (token) => {
      const digest = digestOf(token);
      let kind: BootstrapKind | null = null;
      // All are compared, whichever matches, so that the time tells nothing.
      for (const candidate of known) if (timingSafeEqual(candidate.digest, digest)) kind ??= candidate.kind;
      if (kind !== null) rings.onUse?.(kind, credentialIdOf(token));
      return kind;
    },
    holds: (kind, credentialId) =>
      known.some((candidate) => candidate.kind === kind && candidate.id === credentialId),
  };
}

/** Eight digits of a one-way hash: enough to know a credential again, too few to try guesses against. */
export function credentialIdOf(token: string): string {
  return createHash("sha256").update(`modelfaucet-credential:${token}`).digest("hex").slice(0, 8);
}

function candidateOf(kind: BootstrapKind, token: string) {
  return { kind, digest: digestOf(token), id: credentialIdOf(token) };
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
