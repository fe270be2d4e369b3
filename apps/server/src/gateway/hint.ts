import { laterRouteSentence } from "@modelfaucet/contract/later-routes.ts";

const chatRoute = "POST /v1/chat/completions";
/** What clients of other dialects ask for; the answer to all of it is the one model route that there is. */
const modelPaths =
  /^\/v1\/(responses|completions|embeddings|messages|images|audio|moderations|engines|chat)(\/|$)/;

/** What an unknown path of the gateway is answered with, beside its 404. */
export function gatewayHint(_method: string, path: string): string | undefined {
  if (path.includes("/v1/v1"))
    return "the base URL ends with /v1 already, so the path must not begin with it again.";
  const full = path.startsWith("/v1/") ? path : `/v1${path}`;
  const later = laterRouteSentence(full);
  const planned = later === undefined ? "" : `${full.slice(0, 200)} ${later}; `;
  if (modelPaths.test(full)) return `${planned}models are called by ${chatRoute}.`;
  if (later !== undefined) return `${full.slice(0, 200)} ${later}.`;
  return path.startsWith("/v1/") ? undefined : `the API begins with /v1, for example ${chatRoute}.`;
}
