import { Chip, type Tone } from "../../ui/chip.tsx";
import type { OwnerScope, TransactionKind, WalletStatus } from "../search.ts";

export const scopeWords: Record<OwnerScope, string> = {
  end_user: "End user",
  developer: "Developer",
  platform: "Platform",
};

export const walletWords: Record<WalletStatus, { word: string; tone: Tone; says: string }> = {
  active: { word: "Active", tone: "good", says: "requests may hold money of it" },
  frozen: { word: "Frozen", tone: "bad", says: "no request may hold money of it" },
  debt: { word: "In debt", tone: "bad", says: "no request may hold money of it until the debt is paid" },
};

export const kindWords: Record<TransactionKind, string> = {
  charge: "Charge",
  charge_reversal: "Charge taken back",
  topup: "Top-up",
  refund: "Refund",
  adjustment: "By hand",
  chargeback: "Chargeback",
  promo: "Promotion",
  promo_expiry: "Promotion ended",
};

export function WalletStatusChip({ status }: { status: WalletStatus }) {
  const { word, tone, says } = walletWords[status];
  return (
    <Chip tone={tone} title={says}>
      {word}
    </Chip>
  );
}

/** An end user is known by a hash alone; its beginning tells one from another. */
export function ownerName({ owner_name: name }: { owner_name: string }): string {
  return name.startsWith("sha256:") ? `user ${name.slice(7, 15)}` : name;
}
