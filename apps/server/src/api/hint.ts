import { laterRouteSentence } from "@modelfaucet/contract/later-routes.ts";
import { apiRoutes, gatewayRoutes } from "@modelfaucet/contract/routes/table.ts";

/** What an unknown path of the control API is answered with, beside its 404. */
export function apiHint(_method: string, path: string): string | undefined {
  if (path.startsWith("/v1/v1/")) {
    return "the base URL ends with /v1 already, so the path must not begin with it again.";
  }
  const later = laterRouteSentence(path);
  if (later !== undefined) return `${path.slice(0, 200)} ${later}.`;
  if (isOneOf(gatewayForms, path) || isOneOf(gatewayForms, `/v1${path}`)) {
    return "models are called on the gateway, under `gateway_base_url` of the session.";
  }
  return isOneOf(apiForms, `/v1${path}`) ? `try /v1${path.slice(0, 200)}.` : undefined;
}

const apiForms = apiRoutes.map((route) => formOf(route.path));
const gatewayForms = gatewayRoutes.map((route) => formOf(route.path));

function formOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/:[A-Za-z_]+/g, "[^/]+")}$`);
}

function isOneOf(forms: readonly RegExp[], path: string): boolean {
  return forms.some((form) => form.test(path));
}
