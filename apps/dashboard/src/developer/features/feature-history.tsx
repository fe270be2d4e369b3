import type { listFeatureVersions } from "@modelfaucet/contract/routes/apps.ts";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { read } from "../../api/read.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import type { FeatureItem } from "../apps/apps-query.ts";
import { textOf } from "./manifest-text.ts";

/** Every version that was ever in force: receipts name the one that they were priced by. */
export function FeatureHistory({ feature }: { feature: FeatureItem }) {
  const [open, setOpen] = useState<number | null>(null);
  const query = useQuery(
    read<typeof listFeatureVersions>("/v1/developer/apps/:publicAppId/features/:featureKey/versions", {
      params: { publicAppId: feature.public_app_id, featureKey: feature.feature_key },
    }),
  );
  return (
    <Card title="Versions" className="mt-5">
      <Answer query={query} skeleton={<Skeleton rows={2} />}>
        {({ items }) => (
          <>
            <Table
              label="Versions"
              head={
                <>
                  <Th right>Version</Th>
                  <Th>Changed</Th>
                  <Th wide>By</Th>
                  <Th />
                </>
              }
            >
              {items.map((item) => (
                <Row key={item.version} id={String(item.version)}>
                  <Td right>{item.version}</Td>
                  <Td>
                    <Moment at={item.changed_at} />
                  </Td>
                  <Td wide>{item.changed_by}</Td>
                  <Td right>
                    <Button small onClick={() => setOpen(item.version)}>
                      Show
                    </Button>
                  </Td>
                </Row>
              ))}
            </Table>
            {items
              .filter(({ version }) => version === open)
              .map((item) => (
                <Dialog key={item.version} title={`Version ${item.version}`} wide close={() => setOpen(null)}>
                  <pre className="max-h-[60vh] overflow-auto rounded-sm border border-line bg-sunken p-3 font-mono text-sm">
                    {textOf(item)}
                  </pre>
                  <div className="flex justify-end">
                    <CopyButton text={textOf(item)} label="Copy manifest" />
                  </div>
                </Dialog>
              ))}
          </>
        )}
      </Answer>
    </Card>
  );
}
