import { invalidConfig, unexpectedAnswer } from "../errors.ts";
import type { Bridge } from "./bridge.ts";
import type { FaucetLocalGrant, FaucetLocalPairing } from "./wire.ts";

type Facts = { appName?: string | undefined; publicAppId: string; signal?: AbortSignal | undefined };

/** Asks for a code, which the bridge shows in its terminal together with this page's address. */
export async function startPairing(
  bridge: Bridge,
  { appName, publicAppId, signal }: Facts,
  gesture: boolean,
  paired: () => void,
): Promise<FaucetLocalPairing> {
  const body = { ...(appName === undefined ? {} : { app_name: appName }), public_app_id: publicAppId };
  const started = await bridge.askUnpaired<{ pairing_id: string; expires_at: string }>("/pair/start", body, {
    gesture,
    signal,
  });
  return {
    pairingId: started.pairing_id,
    expiresAt: started.expires_at,
    submit: (code) => completePairing(bridge, { pairing_id: started.pairing_id, code }, signal, true, paired),
  };
}

/** Trades a code for a grant and keeps its token. @throws FaucetPermissionError `invalid_pairing_code` */
export async function completePairing(
  bridge: Bridge,
  { code, ...pairing }: { pairing_id?: string; code: string },
  signal: AbortSignal | undefined,
  gesture: boolean,
  paired: () => void,
): Promise<FaucetLocalGrant> {
  const body = { ...pairing, code: spelled(code) };
  const { token, ...grant } = await bridge.askUnpaired<FaucetLocalGrant & { token: string }>(
    "/pair/complete",
    body,
    { gesture, signal },
  );
  if (typeof token !== "string") throw unexpectedAnswer("The bridge's answer has no token.");
  bridge.token.keep(token);
  paired();
  return grant;
}

/** As the terminal prints it, `XXXX-XXXX`, however it was typed. */
function spelled(code: string): string {
  const letters = code.toUpperCase().replace(/[^0-9A-Z]/g, "");
  if (letters.length !== 8) throw invalidConfig("The code has eight letters and digits: XXXX-XXXX.", "code");
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}
