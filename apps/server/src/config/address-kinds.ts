import { isIP } from "node:net";
import { isMetadataHost, isPrivateHost } from "./hosts.ts";
import { type Kind, Refused } from "./kinds.ts";
import { isPlaceholder } from "./placeholders.ts";

/** The kinds of variables that say where something is. Names are never resolved. */

/** An exact host name: no address in any notation, no wildcard, no port, and nothing that hands out credentials. */
export const hostName: Kind<string> = {
  name: "host name",
  remedy: "list the names inside the deployment, one by one",
  parse(text) {
    const name = text.toLowerCase();
    // The parser of URLs knows every notation of an address, and keeps what is a name.
    const isName = URL.parse(`http://${name}/`)?.hostname === name && isIP(name) === 0 && !name.includes(":");
    if (!isName || !/^[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/.test(name)) {
      throw new Refused("must hold exact host names without address, wildcard or port");
    }
    if (isMetadataHost(name)) throw new Refused("must not name a metadata service");
    return name;
  },
};

/** A public URL of ours: https and reachable by everybody in production; http on any host outside it. */
export const publicUrl: Kind<string> = {
  name: "URL",
  remedy: "give the address that clients use, such as https://api.<your domain>",
  parse(text, production) {
    const url = parsedUrl(text);
    refuseQuery(text);
    if (production) refuseUnlessPublic(url);
    return text.replace(/\/+$/, "");
  },
};

/** A public page; it may have a query and a fragment. */
export const pageUrl: Kind<string> = {
  name: "URL",
  remedy: "give the address of a page that everybody can open",
  parse(text, production) {
    const url = parsedUrl(text);
    if (production) refuseUnlessPublic(url);
    return text.replace(/\/+$/, "");
  },
};

/** Exact web origins, at least one. `*` never is one. */
export const webOrigins: Kind<readonly string[]> = {
  name: "comma-separated list of origin",
  remedy: "list the origins of your own pages, such as https://console.<your domain>",
  parse(text, production) {
    const origins = text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
    if (origins.length === 0) throw new Refused("must name at least one origin");
    for (const origin of origins) {
      const url = parsedUrl(origin);
      if (url.origin !== origin)
        throw new Refused("must hold exact origins: scheme, host, port, nothing else");
      if (production) refuseUnlessPublic(url);
    }
    return origins;
  },
};

export const upstreamUrl: Kind<string> = {
  name: "URL",
  remedy: "give scheme, host, port and path alone",
  parse(text) {
    parsedUrl(text);
    refuseQuery(text);
    return text.replace(/\/+$/, "");
  },
};

/** Where a webhook goes: https and public in production. It may carry a token in its path or query. */
export const webhookUrl: Kind<string> = {
  name: "https URL",
  remedy: "give an address that this deployment reaches through the internet",
  parse(text, production) {
    const url = parsedUrl(text);
    if (production) refuseUnlessPublic(url);
    return text;
  },
};

/** Sentences name no part of such a URL: somebody's own may hold the same characters. */
export const databaseUrl: Kind<string> = {
  name: "PostgreSQL URL",
  remedy: "take the connection string that your database service shows, with a role of its own",
  parse(text, production) {
    const url = URL.parse(text);
    if (!url || !/^postgres(ql)?:$/.test(url.protocol)) throw new Refused("must be a PostgreSQL URL");
    if (production) refuseOpenDatabase(url);
    return text;
  },
};

export const redisUrl = schemeUrl("Redis", ["redis", "rediss"]);
export const smtpUrl = schemeUrl("SMTP", ["smtp", "smtps"]);

function schemeUrl(service: string, schemes: readonly string[]): Kind<string> {
  return {
    name: `${service} URL`,
    remedy: `give ${schemes.join(" or ")}, user, password, host and port as the service shows them`,
    parse(text) {
      const url = URL.parse(text);
      if (!url || !schemes.includes(url.protocol.slice(0, -1)) || url.hostname === "") {
        throw new Refused(`must be a URL of ${service}`);
      }
      return text;
    },
  };
}

function parsedUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw new Refused("must be an http or https URL");
  if (url.username !== "" || url.password !== "") throw new Refused("must have no credentials in it");
  return url;
}

function refuseQuery(text: string): void {
  if (/[?#]/.test(text)) throw new Refused("must have no query and no fragment");
}

function refuseUnlessPublic(url: URL): void {
  if (url.protocol !== "https:") throw new Refused("must be https in production");
  if (isPrivateHost(url.hostname) || isMetadataHost(url.hostname)) {
    throw new Refused("must be a public host in production");
  }
}

function refuseOpenDatabase(url: URL): void {
  const [user, password] = [url.username, url.password].map(decodedOrAsIs);
  if (!user || user === "postgres") throw new Refused("must name a user that is not the superuser");
  if (!password || password === user) throw new Refused("must carry a password that is not the user's name");
  if (isPlaceholder(password)) throw new Refused("must carry a random password");
  const tls = url.searchParams.get("sslmode") ?? url.searchParams.get("ssl") ?? "";
  if (/^(disable|false|0|off|no)$/i.test(tls)) throw new Refused("must not switch TLS off");
}

function decodedOrAsIs(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
