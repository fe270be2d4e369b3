import { ProbeError } from "../../lib/outbound-probe.ts";
import { fail, type Verdict } from "./probe.ts";

/** Why a target did not answer, as its operator would look for it. */
export function verdictOf(error: unknown, host: string): Verdict {
  if (!(error instanceof ProbeError)) throw error;
  const [says, remedy] = explained(error, host);
  return fail(says, remedy);
}

function explained({ code, message }: ProbeError, host: string): [says: string, remedy: string] {
  if (code === "PRIVATE") return [message, "give the public address; nothing was sent"];
  if (code === "TIMEOUT") return [message, "look at firewall, load balancer and ingress"];
  if (code === "ENOTFOUND" || code === "ENODATA" || code === "EAI_AGAIN")
    return [`the name ${host} does not resolve`, "create its DNS record, or correct the URL"];
  if (code === "ECONNREFUSED")
    return [`nothing listens at ${host}`, "start the ingress, or correct the port"];
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH")
    return [`no way leads to ${host}`, "look at its address and at the routes of this machine"];
  if (/UNRECOGNIZED_NAME/.test(code))
    return [`there is no certificate for ${host}`, "name it in the ingress and in its certificate"];
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH|HTTP_REQUEST/.test(code))
    return ["what answers there does not speak TLS", "end TLS in the ingress, or correct the port"];
  if (code === "ECONNRESET" || code === "EPIPE")
    return ["the connection was closed without an answer", "look at the log of the ingress"];
  return [`no answer: ${code}`, "look at the ingress"];
}
