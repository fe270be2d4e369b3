import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { walletQuery } from "./books-queries.ts";

/** Whose wallet it is, as a way to it. */
export function WalletLink({ id }: { id: string }) {
  const wallet = useQuery(walletQuery(id));
  const name = wallet.data?.owner_name;
  return (
    <Link
      to="/operator/wallets/$walletId"
      params={{ walletId: id }}
      title={name === undefined ? `Wallet ${id}` : `${name}\nwallet ${id}`}
      className="link"
    >
      {name !== undefined && <span>{shortName(name)} </span>}
      <span className={name === undefined ? "font-mono text-xs" : "font-mono text-xs text-faint"}>
        {id.slice(0, 8)}…{id.slice(-4)}
      </span>
    </Link>
  );
}

/** An end user is known by a hash alone; its beginning tells one from another. */
function shortName(name: string): string {
  return name.startsWith("sha256:") ? `user ${name.slice(7, 15)}` : name;
}
