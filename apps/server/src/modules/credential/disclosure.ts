/**
 * What a user agrees to before an own key is used. A version names the text and the fee in it, so a raised fee or another
 * text asks again, and a lowered fee does not.
 */
const textVersion = "byok-1";
/** The text beside the user's own machine; nothing is charged there. */
export const localDisclosureVersion = "local-1";

const form = /^byok-1:(\d{1,12}\.\d{8})$/;

/** `feeUsd`: eight decimals. For example `byok-1:0.00050000`. */
export function byokDisclosureVersion(feeUsd: string): string {
  return `${textVersion}:${feeUsd}`;
}

/** Whether who agreed to `version` has agreed to a fee of `feeUsd` (eight decimals). */
export function coversDisclosure(version: string | null | undefined, feeUsd: string): boolean {
  const agreed = form.exec(version ?? "")?.[1];
  return agreed !== undefined && unitsOf(agreed) >= unitsOf(feeUsd);
}

const unitsOf = (amount: string): bigint => BigInt(amount.replace(".", ""));
