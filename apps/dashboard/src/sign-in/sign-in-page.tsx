import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { Problem } from "../api/call.ts";
import { type Session, signInByCode, signInByToken } from "../api/session.ts";
import { Button } from "../ui/button.tsx";
import { TextField } from "../ui/field.tsx";
import { Mark } from "../ui/icons.tsx";
import { ProblemNotice } from "../ui/problem-notice.tsx";
import { spendLinkCode } from "./link-code.ts";

/** By a one-time link, whose code has been taken from the address already, or by a token. */
export function SignInPage() {
  const queryClient = useQueryClient();
  const onSuccess = useLanding();
  const byLink = useMutation<Session, Problem, string>({
    mutationFn: (code) => signInByCode(queryClient, code),
    onSuccess,
  });
  const { mutate } = byLink;
  useEffect(() => {
    const code = spendLinkCode();
    if (code !== null) mutate(code);
  }, [mutate]);
  return (
    <main className="mx-auto grid min-h-dvh max-w-[400px] content-center px-4 py-12">
      <title>Sign in · ModelFaucet</title>
      <div className="mb-6 flex items-center gap-2">
        <Mark />
        <h1 className="text-xl font-semibold tracking-tight">Sign in to ModelFaucet</h1>
      </div>
      {byLink.error && <ProblemNotice className="mb-4" trouble={byLink.error} />}
      {byLink.isPending || byLink.isSuccess ? (
        <p role="status" className="text-muted">
          Signing in by the link…
        </p>
      ) : (
        <TokenForm onSuccess={onSuccess} />
      )}
    </main>
  );
}

function TokenForm({ onSuccess }: { onSuccess: () => void }) {
  const queryClient = useQueryClient();
  const [token, setToken] = useState("");
  const byToken = useMutation<Session, Problem, string>({
    mutationFn: (given) => signInByToken(queryClient, given),
    onSuccess: () => {
      setToken("");
      onSuccess();
    },
  });
  return (
    <>
      <form
        className="grid gap-4 rounded border border-line bg-surface p-5"
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== "") byToken.mutate(token.trim());
        }}
      >
        <TextField
          label="Developer or operator token"
          type="password"
          name="token"
          autoComplete="off"
          autoFocus
          spellCheck={false}
          required
          value={token}
          onChange={(event) => setToken(event.target.value)}
          hint="It is sent once and not kept in this browser."
        />
        {byToken.error && <ProblemNotice trouble={byToken.error} />}
        <Button type="submit" look="primary" disabled={byToken.isPending || byToken.isSuccess}>
          {byToken.isPending ? "Signing in…" : "Sign in"}
        </Button>
      </form>
      <div className="mt-4 grid gap-1 text-sm text-muted">
        <p>Or open a one-time link: it was sent with your invitation.</p>
        <p>
          On this machine <code className="font-mono text-xs">npm start</code> prints one; elsewhere{" "}
          <code className="font-mono text-xs">pnpm mf sign-in-link</code> makes one.
        </p>
      </div>
    </>
  );
}

/** Where the reader wanted to go before the sign-in. */
function useLanding(): () => void {
  const router = useRouter();
  const { to } = useSearch({ from: "/sign-in" });
  return () => void router.navigate({ href: to ?? "/", replace: true });
}
