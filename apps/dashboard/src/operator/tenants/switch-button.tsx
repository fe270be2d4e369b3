import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouteContext, useRouter } from "@tanstack/react-router";
import type { Problem } from "../../api/call.ts";
import { type Session, switchSession } from "../../api/session.ts";
import { Button } from "../../ui/button.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import type { DeveloperItem } from "./tenants-query.ts";

/** Goes on as this developer: for the operator with its e-mail address alone, nobody looks as somebody else. */
export function SwitchButton({ developer }: { developer: DeveloperItem }) {
  const { session } = useRouteContext({ from: "/console" });
  const queryClient = useQueryClient();
  const router = useRouter();
  const change = useMutation<Session, Problem>({
    mutationFn: () => switchSession(queryClient, { developer_id: developer.id }),
    onSuccess: () => router.navigate({ to: "/" }),
  });
  const isSamePerson = session.person.email?.toLowerCase() === developer.email.toLowerCase();
  if (!isSamePerson || developer.status !== "active") return null;
  return (
    <>
      <Button disabled={change.isPending} onClick={() => change.mutate()}>
        Go on as this developer
      </Button>
      {change.error && <ProblemNotice trouble={change.error} className="w-full" />}
    </>
  );
}
