import { type ProbeAnswer, ProbeError } from "../../lib/outbound-probe.ts";
import { fail, get, header, type Probe, pass, skip, type Target, type Verdict, warn } from "./probe.ts";

/** TLS, plain http and the clock: what lies between a client and the servers. */

const dayMs = 86_400_000;
const warnDays = 14;

export const tlsProbe: Probe = {
  name: "tls",
  async run({ origin, isPrivate, prober }) {
    if (isPlain(origin)) return plainTarget(isPrivate);
    const { fault, endsAt, names, protocol } = await prober.greet(origin);
    if (fault !== null) return untrusted(fault, { host: new URL(origin).hostname, endsAt, names });
    if (await speaksOldTls({ origin, prober }))
      return fail("TLS 1.1 or older is still spoken", "allow TLS 1.2 and 1.3 alone");
    if (endsAt === null) return warn("the certificate says no end", "look at the certificate");
    const days = Math.floor((endsAt.getTime() - Date.now()) / dayMs);
    const says = `${protocol}, trusted, ends in ${days} days`;
    return days < warnDays
      ? warn(says, "renew the certificate, and see why nobody did by itself")
      : pass(says);
  },
};

export const isPlain = (origin: string): boolean => origin.startsWith("http:");

function plainTarget(isPrivate: boolean): Verdict {
  return isPrivate
    ? skip("a private target without TLS", "ask the public https address before anybody uses it")
    : fail("the URL is plain http", "serve https alone, and give that URL");
}

/** Refusing is what is wanted, whatever way it is done. A closed door is another probe's finding. */
async function speaksOldTls({ origin, prober }: Pick<Target, "origin" | "prober">): Promise<boolean> {
  try {
    await prober.greet(origin, true);
    return true;
  } catch (error) {
    if (error instanceof ProbeError) return false;
    throw error;
  }
}

function untrusted(
  fault: string,
  { host, endsAt, names }: { host: string; endsAt: Date | null; names: readonly string[] },
): Verdict {
  if (fault === "CERT_HAS_EXPIRED")
    return fail(`the certificate ended on ${endsAt?.toISOString().slice(0, 10)}`, "renew it");
  if (fault === "CERT_NOT_YET_VALID")
    return fail("the certificate is not valid yet", "look at the clocks, or wait for its first day");
  if (fault === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const shown = names.length === 0 ? "no name" : names.slice(0, 3).join(", ");
    return fail(`the certificate is for ${shown}, not for ${host}`, "get one for this name");
  }
  return fail(
    `the certificate is not trusted: ${fault}`,
    "serve the whole chain; a CA of your own is told by NODE_EXTRA_CA_CERTS",
  );
}

const portOfHttp = 80;

/** `port` is another one in tests alone. */
export function plainProbe(port = portOfHttp): Probe {
  return {
    name: "plain http",
    async run({ origin, prober, strict, isPrivate }) {
      const url = new URL(origin);
      if (isPlain(origin)) return plainTarget(isPrivate);
      let answer: ProbeAnswer;
      try {
        answer = await prober.ask({ url: `http://${url.hostname}:${port}/health` });
      } catch (error) {
        if (error instanceof ProbeError) return pass(`closed on port ${port}`);
        throw error;
      }
      if (answer.status < 300 || answer.status > 399)
        return fail(
          `port ${port} answers without TLS, with ${answer.status}`,
          "redirect it to https, or close it",
        );
      return redirectVerdict(answer, url.hostname, strict);
    },
  };
}

async function redirectVerdict(
  answer: ProbeAnswer,
  host: string,
  strict: Target["strict"],
): Promise<Verdict> {
  const to = URL.parse(header(answer, "location") ?? "");
  if (to === null)
    return fail("a redirect that leads nowhere", "send it to the https address of the same name");
  const closed = to.hostname === host ? null : await closedReason(to, strict);
  if (closed !== null)
    return fail(`it redirects to a private address: ${closed}`, "redirect to the public name");
  if (to.protocol !== "https:" || to.hostname !== host)
    return fail(`it redirects to ${to.origin}`, "redirect to https, of the same name");
  return pass("redirects to https");
}

/** Why a redirect must not be followed, `null` where it might be. It never is. */
export async function closedReason(to: URL, strict: Target["strict"]): Promise<string | null> {
  try {
    await strict.resolve(to.hostname);
    return null;
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return error.code === "PRIVATE" ? error.message : null;
  }
}

const warnSkewMs = 2_000;
const failSkewMs = 30_000;

export const clockProbe: Probe = {
  name: "clock",
  async run(target) {
    const answer = await get(target, "/health");
    const said = Date.parse(header(answer, "date") ?? "");
    if (Number.isNaN(said)) return warn("the answer has no Date", "let the ingress send one");
    // The header cuts to the second, and was made somewhere between sending and answer.
    const early = answer.sentAtMs - (said + 1_000);
    const late = said - answer.answeredAtMs;
    const skewMs = Math.max(0, early, late);
    const says = skewMs === 0 ? "agrees with this machine's" : `${(skewMs / 1000).toFixed(1)} s apart`;
    const remedy = "set both clocks by NTP: signed tokens and leases depend on them";
    if (skewMs > failSkewMs) return fail(says, remedy);
    return skewMs > warnSkewMs ? warn(says, remedy) : pass(says);
  },
};
