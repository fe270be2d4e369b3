import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import type { Problem } from "../api/call.ts";
import { stepUpSession } from "../api/session.ts";
import { codeIn } from "../sign-in/link-code.ts";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { TextField } from "../ui/field.tsx";
import { ProblemNotice } from "../ui/problem-notice.tsx";

/** Asks for a fresh proof of who is signed in; what was refused for the lack of it is then done by itself. */
export function StepUpDialog({ answer }: { answer: (proved: boolean) => void }) {
  const queryClient = useQueryClient();
  const [proof, setProof] = useState("");
  const prove = useMutation<void, Problem, { code: string } | { token: string }>({
    mutationFn: (by) => stepUpSession(queryClient, by),
    // What was typed is forgotten with the dialog.
    gcTime: 0,
    onSuccess: () => answer(true),
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    const by = proofIn(proof.trim());
    setProof("");
    prove.mutate(by);
  };
  return (
    <Dialog title="Is it still you?" close={() => answer(false)}>
      <form onSubmit={onSubmit} className="grid gap-4" autoComplete="off">
        <p>
          This act wants a proof of the last 15 minutes. Paste a new sign-in link, or the token that you
          signed in with; then it is done at once.
        </p>
        <TextField
          label="Sign-in link or token"
          type="password"
          data-first=""
          required
          autoComplete="off"
          spellCheck={false}
          value={proof}
          onChange={({ target }) => setProof(target.value)}
          hint={
            <>
              <code className="font-mono">pnpm mf sign-in-link</code> makes a link; it is sent once and not
              kept
            </>
          }
        />
        {prove.error && <ProblemNotice trouble={prove.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={() => answer(false)}>Cancel</Button>
          <Button type="submit" look="primary" disabled={prove.isPending}>
            {prove.isPending ? "Proving…" : "Go on"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** A whole link, the code alone, or a token. */
function proofIn(text: string): { code: string } | { token: string } {
  const at = text.indexOf("#");
  const code = at < 0 ? null : codeIn(text.slice(at));
  if (code !== null) return { code };
  return text.startsWith("mf_link_") ? { code: text } : { token: text };
}
