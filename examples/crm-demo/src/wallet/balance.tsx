import type { FaucetWallet } from "@modelfaucet/sdk";
import { useEffect, useRef, useState } from "react";
import { showUsd, toUnits } from "../money/amount.ts";

const countMs = 300;

/** The balance in big figures, counting to a new one, and how much of it is free and how much is held. */
export function Balance({
  wallet,
  most,
  openRequests,
}: {
  wallet: FaucetWallet;
  most: bigint;
  openRequests: number;
}) {
  const shown = useCounting(toUnits(wallet.balance_usd));
  const [whole, fraction] = split(shown);
  const held = toUnits(wallet.held_usd);
  const heldShare = share(held, most);
  const freeShare = share(toUnits(wallet.available_usd), most);
  return (
    <>
      <p className="money num">
        <span aria-hidden="true">
          {whole}
          <small>{fraction}</small>
        </span>
        <span className="visually-hidden" data-testid="balance">
          {wallet.balance_usd}
        </span>
      </p>
      <div className="meter" aria-hidden="true">
        <i className="free" style={{ width: `${freeShare}%` }} />
        <i className="held" style={{ width: `${heldShare}%` }} />
      </div>
      <p className="legend num">
        <span>
          <i className="key free" /> {showUsd(wallet.available_usd, { round: "down" })} free
        </span>
        <span>
          <i className="key held" /> {showUsd(held)} held
          {openRequests > 0 ? ` for ${openRequests} ${openRequests === 1 ? "request" : "requests"}` : ""}
        </span>
      </p>
    </>
  );
}

/** Moves to a new amount within 300 ms; at once for whoever asked for less motion. */
function useCounting(target: bigint): bigint {
  const [shown, setShown] = useState(target);
  const current = useRef(target);
  useEffect(() => {
    const from = current.current;
    if (from === target) return;
    const show = (value: bigint) => {
      current.current = value;
      setShown(value);
    };
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      show(target);
      return;
    }
    const startMs = performance.now();
    let frame = requestAnimationFrame(function step(nowMs) {
      const progress = Math.min(1, Math.max(0, (nowMs - startMs) / countMs));
      const eased = BigInt(Math.round((1 - (1 - progress) ** 3) * 1000));
      show(progress === 1 ? target : from + ((target - from) * eased) / 1000n);
      if (progress < 1) frame = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(frame);
  }, [target]);
  return shown;
}

/** `$9.98` and `74`: cents large, the next two decimals small. Never rounded up. */
function split(units: bigint): [string, string] {
  const sign = units < 0n ? "−" : "";
  const digits = (units < 0n ? -units : units).toString().padStart(9, "0");
  const whole = digits.slice(0, -8).replace(/\B(?=(\d{3})+$)/g, ",");
  return [`${sign}$${whole}.${digits.slice(-8, -6)}`, digits.slice(-6, -4)];
}

function share(part: bigint, whole: bigint): number {
  if (whole <= 0n || part <= 0n) return 0;
  return Math.min(100, Number((part * 10_000n) / whole) / 100);
}
