import type { OutboundBody } from "../outbound-exchange.ts";
import { OutboundError } from "../outbound-failure.ts";

/** A body of which at most `limitBytes` are ever handed out, decoded ones, however it is read. */
export function boundedBody(body: OutboundBody, limitBytes: number): OutboundBody {
  let taken = 0;
  return {
    async next() {
      const piece = await body.next();
      taken += piece?.length ?? 0;
      if (taken <= limitBytes) return piece;
      body.cancel();
      throw new OutboundError("too_large", `the answer is larger than ${limitBytes} bytes`);
    },
    bytes: (limit) => body.bytes(Math.min(limit, limitBytes - taken)),
    finish: () => body.finish(),
    cancel: () => body.cancel(),
  };
}
