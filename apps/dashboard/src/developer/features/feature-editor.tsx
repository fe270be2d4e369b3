import type { createFeature, replaceFeature } from "@modelfaucet/contract/routes/apps.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useBlocker, useNavigate, useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { may } from "../../api/session.ts";
import { Button } from "../../ui/button.tsx";
import { Chip } from "../../ui/chip.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { LinedText } from "../../ui/lined-text.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { type FeatureItem, featureQuery, featuresQuery } from "../apps/apps-query.ts";
import { ManifestForm } from "./manifest-form.tsx";
import { readText, textOf, withValue } from "./manifest-text.ts";
import { PricedExample } from "./priced-example.tsx";
import { useJudgement } from "./use-judgement.ts";

const begun = { policy: { models: [""] }, pricing: { markup_percent: 30 } };

/** Form, text and priced example of one manifest, judged as one types; it is kept only by Save. */
export function FeatureEditor({ appId, feature }: { appId: string; feature: FeatureItem | null }) {
  const { session } = useRouteContext({ from: "/console" });
  const readOnly = !may(session, "developer:features:write");
  const first = textOf(feature ?? begun);
  const [text, setText] = useState(first);
  const [name, setName] = useState(feature?.display_name ?? "");
  const [key, setKey] = useState(feature?.feature_key ?? "");
  const judged = useJudgement(appId, text);
  const save = useSave(appId, feature);
  const changed =
    text !== first || name !== (feature?.display_name ?? "") || key !== (feature?.feature_key ?? "");
  const faults = faultsOf(save.error, ["display_name", "feature_key"]);
  const { manifest } = readText(text);
  const ready = changed && judged.good && name.trim() !== "" && key !== "" && !save.isPending;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (ready && manifest) save.mutate({ key, name: name.trim(), manifest });
      }}
    >
      <PageHead
        title={feature?.display_name ?? "Add feature"}
        note={
          feature ? `Version ${feature.version}, in force` : "What your users pay for: models, limits, price"
        }
      >
        {feature?.status === "suspended" && <Chip tone="bad">Suspended by the operator</Chip>}
        {changed && <Chip tone="warn">Not saved</Chip>}
        {changed && feature && (
          <Button
            onClick={() => {
              setText(first);
              setName(feature.display_name);
            }}
          >
            Take back
          </Button>
        )}
        {!readOnly && (
          <Button type="submit" look="primary" disabled={!ready}>
            {save.isPending ? "Saving…" : feature ? "Save" : "Add feature"}
          </Button>
        )}
      </PageHead>
      {faults.rest && <ProblemNotice trouble={saveTrouble(save.error)} className="mb-5" />}
      {judged.error && (
        <ProblemNotice trouble={judged.error} retry={() => void judged.retry()} className="mb-5" />
      )}
      <div className="grid grid-cols-[minmax(0,5fr)_minmax(0,6fr)_minmax(0,4fr)] items-start gap-5 max-xl:grid-cols-2 max-md:grid-cols-1">
        <div className="grid gap-5">
          <div className="grid gap-3">
            <TextField
              label="Name"
              required
              disabled={readOnly}
              value={name}
              fault={faults.of.get("display_name")}
              onChange={(event) => setName(event.target.value)}
            />
            {!feature && (
              <TextField
                label="Feature key"
                required
                spellCheck={false}
                pattern="[a-zA-Z0-9_:\-]{1,128}"
                value={key}
                hint="what your calls name; it never changes"
                fault={faults.of.get("feature_key")}
                onChange={(event) => setKey(event.target.value)}
              />
            )}
          </div>
          <ManifestForm
            manifest={manifest}
            faults={judged.faults}
            readOnly={readOnly}
            change={(path, value) => setText(withValue(text, path, value))}
          />
        </div>
        <div className="md:sticky md:top-5">
          <LinedText
            label="Manifest as JSON"
            faultsId="manifest-faults"
            text={text}
            faults={judged.faults}
            change={setText}
            readOnly={readOnly}
            className="h-[min(620px,calc(100dvh-220px))] min-h-80"
          />
        </div>
        <div className="max-xl:col-span-2 max-md:col-span-1">
          <PricedExample
            judgement={judged.judgement}
            judging={judged.judging}
            faulty={judged.faults.length > 0}
          />
        </div>
      </div>
      {changed && !save.isSuccess && <LeaveGuard />}
    </form>
  );
}

type Saving = { key: string; name: string; manifest: { policy: object; pricing: object } };

function useSave(appId: string, feature: FeatureItem | null) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  return useMutation<FeatureItem, Problem, Saving>({
    mutationFn: ({ key, name, manifest }) =>
      feature
        ? call<typeof replaceFeature>("PUT", "/v1/developer/apps/:publicAppId/features/:featureKey", {
            params: { publicAppId: appId, featureKey: feature.feature_key },
            body: { display_name: name, ...manifest, expected_version: feature.version },
          })
        : call<typeof createFeature>("POST", "/v1/developer/apps/:publicAppId/features", {
            params: { publicAppId: appId },
            body: { feature_key: key, display_name: name, ...manifest },
          }),
    onSuccess: async (saved) => {
      queryClient.setQueryData(featureQuery(appId, saved.feature_key).queryKey, saved);
      void queryClient.invalidateQueries({ queryKey: featuresQuery(appId).queryKey });
      void queryClient.invalidateQueries({
        queryKey: ["/v1/developer/apps/:publicAppId/features/:featureKey/versions"],
      });
      if (!feature) {
        await navigate({
          to: "/apps/$appId/features/$featureKey",
          params: { appId, featureKey: saved.feature_key },
          ignoreBlocker: true,
        });
      }
    },
  });
}

function saveTrouble(problem: Problem | null) {
  if (problem?.status !== 409) return problem ?? { message: "" };
  return {
    message: `${problem.message} Load this page again to see what is in force; what you wrote here is lost then, so copy it first.`,
    requestId: problem.requestId,
  };
}

/** Nothing that was written is lost by a link or a closed tab. */
function LeaveGuard() {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => current.pathname !== next.pathname,
    enableBeforeUnload: true,
    withResolver: true,
  });
  if (blocker.status !== "blocked") return null;
  return (
    <Dialog title="Leave without saving?" close={blocker.reset}>
      <p>What you changed in this manifest is not in force and would be lost.</p>
      <div className="flex justify-end gap-2">
        <Button data-first="" onClick={blocker.reset}>
          Stay
        </Button>
        <Button look="danger" onClick={blocker.proceed}>
          Leave
        </Button>
      </div>
    </Dialog>
  );
}
