import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { testIdentity } from "@modelfaucet/contract/routes/identity.ts";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { TextArea } from "../../ui/field.tsx";
import { Cross, Tick } from "../../ui/icons.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { TextBox } from "../../ui/scroll-box.tsx";
import type { AppItem } from "../apps/apps-query.ts";

type Tested = AnswerOf<typeof testIdentity>;

/** Says what a user token proves; it opens nothing. */
export function TestTokenCard({ app }: { app: AppItem }) {
  const [token, setToken] = useState("");
  const test = useMutation<Tested, Problem, string>({
    mutationFn: (userToken) =>
      call<typeof testIdentity>("POST", "/v1/developer/apps/:publicAppId/identity/test", {
        params: { publicAppId: app.public_app_id },
        body: { user_token: userToken },
      }),
    gcTime: 0,
  });
  const faults = faultsOf(test.error, ["user_token"]);
  return (
    <Card title="Test a user token">
      <form
        className="grid gap-4 border-t border-line p-4"
        onSubmit={(event) => {
          event.preventDefault();
          test.mutate(token.trim());
        }}
      >
        <TextArea
          label="User token"
          required
          maxLength={8192}
          spellCheck={false}
          value={token}
          hint="as your backend signs it; it opens no session and stays unused"
          fault={faults.of.get("user_token")}
          onChange={({ target }) => setToken(target.value)}
        />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end">
          <Button type="submit" disabled={test.isPending}>
            {test.isPending ? "Testing…" : "Test token"}
          </Button>
        </div>
        <div aria-live="polite">{test.data && <Result tested={test.data} />}</div>
      </form>
    </Card>
  );
}

function Result({ tested: { valid, reason, claims, signed_with: by } }: { tested: Tested }) {
  if (!valid) {
    return (
      <p className="flex items-baseline gap-2 text-sm text-bad">
        <Cross label="refused" />
        <span>It proves nobody: {reasonWords[reason ?? ""] ?? reason ?? "no reason was told"}.</span>
      </p>
    );
  }
  return (
    <>
      <p className="flex items-baseline gap-2 text-sm text-good">
        <Tick label="valid" />
        <span>It proves its user{by === undefined ? "" : `, signed with ${signerWords[by]}`}.</span>
      </p>
      <TextBox label="Claims" text={JSON.stringify(claims ?? {}, null, 2)} className="mt-2 max-h-56" />
    </>
  );
}

const signerWords = {
  secret: "the identity secret",
  previous_secret: "the secret before, which still holds",
  jwks: "a key of the key set",
} as const;

/** What is wrong with it, by the reason that a session would be refused with. */
const reasonWords: Readonly<Record<string, string>> = {
  malformed: "it is no JWT with sub, aud, iat and exp",
  algorithm: "it is signed in a way that this app does not take",
  unknown_key: "no key of the app could have signed it",
  signature: "its signature does not match",
  audience: "it is for another app, its aud must be the public app id",
  issuer: "it comes from another issuer than the app names",
  expired: "it has expired",
  not_yet_valid: "it is not valid yet, look at the clock of the machine that signs",
  lifetime: "it lives too long, exp must follow iat sooner",
  replayed: "its jti was used before",
  jwks_unavailable: "the address of the key set does not answer with keys now",
};
