/**
 * True for names that lead into this machine, this network or a cloud's own services, wherever they are asked: single
 * labels, private endings, metadata services. `name` in lower case, without a dot at its end.
 */
export function isPrivateName(name: string): boolean {
  return !name.includes(".") || privateEnding.test(name) || isMetadataName(name);
}

/** True for the names at which clouds hand out credentials of machines. */
export function isMetadataName(name: string): boolean {
  return metadataNames.has(name);
}

// Source: RFC 6761, 6762, 7686, 8375, 9476; ICANN's resolution 2024.07.29.06 on .internal and its list of name collisions
// (home, corp, mail); the documentation of Docker, Kubernetes, Consul and Nomad for theirs; as of 2026-11-25.
const privateEnding =
  /\.(?:localhost|localdomain6?|local|internal|intranet|lan|home|corp|mail|private|arpa|svc|default|consul|nomad|docker|kube|onion|i2p|alt|invalid|workgroup|router)$/;

// Source: the providers' documentation of instance metadata, 2026-11-25.
const metadataNames = new Set(
  `metadata instance-data rancher-metadata metadata.google.internal metadata.goog instance-data.ec2.internal
  metadata.azure.internal metadata.tencentyun.com api.metadata.cloud.ibm.com metadata.platformequinix.com
  metadata.packet.net metadata.cloud.vultr.com`.split(/\s+/),
);
