import { useQuery } from "@tanstack/react-query";
import { useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Empty } from "../../ui/empty.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { FinishDialog } from "./finish-dialog.tsx";
import { OpenRotation } from "./open-rotation.tsx";
import { PastRotations } from "./past-rotations.tsx";
import { type Rotation, rotationsQuery } from "./rotations-queries.ts";
import { StartDialog } from "./start-dialog.tsx";

/** The key that seals every stored secret, and how it turns while everything runs. */
export function RotationsPage() {
  const { session } = useRouteContext({ from: "/console" });
  const [opened, setOpened] = useState<"start" | Rotation | null>(null);
  const query = useQuery(rotationsQuery());
  const mayWrite = may(session, "operator:security");
  const open = query.data?.items.find(({ status }) => status !== "finished");
  return (
    <>
      <title>Key rotation · ModelFaucet</title>
      <PageHead
        title="Key rotation"
        note="The key that seals provider keys, identity secrets and kept answers."
      >
        {mayWrite && query.data !== undefined && open === undefined && (
          <Button look="primary" onClick={() => setOpened("start")}>
            Start rotation
          </Button>
        )}
      </PageHead>
      <Answer page query={query} skeleton={<Skeleton rows={6} />}>
        {({ items }) => (
          <div className="grid gap-5">
            {open && <OpenRotation rotation={open} mayWrite={mayWrite} finish={() => setOpened(open)} />}
            {items.length === 0 ? (
              <Card title="Rotations">
                <Empty title="No rotation yet">
                  Set SECRET_ENCRYPTION_KEY to ring:&lt;old&gt;,&lt;new&gt; on every process, then to
                  ring:&lt;new&gt;,&lt;old&gt;, and start one here. Every stored secret is sealed anew while
                  calls go on.
                </Empty>
              </Card>
            ) : (
              <PastRotations items={items.filter(({ status }) => status === "finished")} />
            )}
          </div>
        )}
      </Answer>
      {opened === "start" && <StartDialog close={() => setOpened(null)} />}
      {opened !== null && opened !== "start" && (
        <FinishDialog rotation={opened} close={() => setOpened(null)} />
      )}
    </>
  );
}
