import type { Config } from "./config.ts";
import type { CompleteContext } from "./flows/complete/complete.ts";
import { ownKeyOf } from "./flows/complete/own-key.ts";
import type { PlannableKey } from "./flows/complete/payers.ts";
import { keyPlaceOf } from "./flows/key-place.ts";
import type { ChangeFeed } from "./lib/change-feed.ts";
import type { Database } from "./lib/db.ts";
import type { Logger } from "./lib/log.ts";
import type { SecretBox } from "./lib/secret-box.ts";
import type { Credential, Credentials } from "./modules/credential/credential.ts";
import { createUpstreams, providerKeyPlace, type Upstreams } from "./modules/routing/routing.ts";
import type { Switches } from "./modules/switch/switch.ts";
import { configuredUpstreams } from "./wiring-upstreams.ts";

/** The upstreams that the environment names; the operator's rows are laid over them. */
export function upstreamsOf(
  config: Config,
  database: Database,
  secretBox: SecretBox,
  switches: Switches,
  log: Logger,
): Upstreams {
  return createUpstreams({
    database,
    configured: configuredUpstreams(config.providers),
    isOff: switches.isOff,
    openSecret: (sealed, rowId) => {
      try {
        return secretBox.open(sealed, providerKeyPlace(rowId));
      } catch (err) {
        log.error({ err }, "a provider key does not open and is left out");
        return null;
      }
    },
  });
}

/** Own keys and the developer's: where they lead, and what is to be known of them. */
export function keysIn({
  config,
  credentials,
  upstreams,
  feed,
}: {
  config: Config;
  credentials: Credentials;
  upstreams: Upstreams;
  feed: ChangeFeed;
}): Pick<CompleteContext, "keysOf" | "ownKeyOf" | "onKey"> {
  const placing = { upstreams, production: config.production };
  const plannable = (key: Credential): PlannableKey => ({
    ...key,
    ...(keyPlaceOf(key.provider, placing) ?? { door: "tenant" }),
  });
  return {
    keysOf: {
      user: async (appId, endUserId) => (await credentials.ofUser(appId, endUserId)).map(plannable),
      developer: async (appId) => (await credentials.ofApp(appId)).map(plannable),
    },
    ownKeyOf: (headers, isSecure) => ownKeyOf(headers, isSecure, (provider) => keyPlaceOf(provider, placing)),
    onKey: (key, outcome) => {
      const known = key as PlannableKey & Partial<Credential>;
      // One that came with its request is known to nobody.
      if (known.id === null || known.ownerScope === undefined) return;
      if (outcome === "served") credentials.used(known as Credential, feed.now());
      else credentials.refused(known as Credential);
    },
  };
}
