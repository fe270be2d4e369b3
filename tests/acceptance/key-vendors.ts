import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export type VendorRequest = { method: string; host: string; path: string; headers: IncomingHttpHeaders };

/** Every vendor of provider keys in one server, told apart by the name that it is asked for. */
export type KeyVendors = {
  port: number;
  /** For `MODELFAUCET_HOST_MAP`: this server in the place of each vendor. */
  hostMap: string;
  /** Keys that are known; any other one is refused as its vendor refuses it. */
  known: Set<string>;
  /** What a known key is answered with instead of 200. */
  status: number | null;
  requests: VendorRequest[];
  close(): Promise<void>;
};

export const vendorHosts = [
  "api.openai.com",
  "openrouter.ai",
  "api.anthropic.com",
  "generativelanguage.googleapis.com",
  "api.mistral.ai",
  "api.deepseek.com",
  "resource.openai.azure.com",
  "llm.vendor.test",
];

export async function startKeyVendors(): Promise<KeyVendors> {
  const server = createServer((request, response) => {
    const host = request.headers.host ?? "";
    const path = request.url ?? "";
    vendors.requests.push({ method: request.method ?? "", host, path, headers: request.headers });
    request.resume();
    const status = vendors.known.has(keyIn(request.headers)) ? (vendors.status ?? 200) : refusalOf(host);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(status === 200 ? answerOf(path) : { error: { message: "no" } }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const vendors: KeyVendors = {
    port,
    hostMap: vendorHosts.map((host) => `${host}=127.0.0.1:${port}!`).join(","),
    known: new Set(),
    status: null,
    requests: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return vendors;
}

function keyIn(headers: IncomingHttpHeaders): string {
  const own = headers["x-api-key"] ?? headers["api-key"];
  return typeof own === "string" ? own : (headers.authorization ?? "").replace(/^Bearer /, "");
}

/** Google answers an unknown key with 400, everybody else with 401. */
const refusalOf = (host: string): number => (host.startsWith("generativelanguage.") ? 400 : 401);

function answerOf(path: string): unknown {
  if (path.endsWith("/key")) return { data: { label: "test", usage: 0 } };
  return { object: "list", data: [{ id: "model-a" }, { id: "model-b" }] };
}
