import { useQuery } from "@tanstack/react-query";
import { Link, useRouteContext } from "@tanstack/react-router";
import { may } from "../../api/session.ts";
import { showBps } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { buttonClass } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Chip } from "../../ui/chip.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { type AppItem, type FeatureItem, featuresQuery } from "../apps/apps-query.ts";

/** The features of an app with their prices; each opens its manifest. */
export function FeatureList({ app }: { app: AppItem }) {
  const { session } = useRouteContext({ from: "/console" });
  const query = useQuery(featuresQuery(app.public_app_id));
  const add = may(session, "developer:features:write") && (
    <Link
      to="/apps/$appId/new-feature"
      params={{ appId: app.public_app_id }}
      className={buttonClass("plain", true)}
    >
      Add feature
    </Link>
  );
  return (
    <Card title="Features" aside={add}>
      <Answer query={query} skeleton={<Skeleton rows={3} />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No feature yet">
              A feature is what your users pay for: the models it may use and its price. Add one to take a
              first call.
            </Empty>
          ) : (
            <Table
              label="Features"
              head={
                <>
                  <Th wide>Name</Th>
                  <Th>State</Th>
                  <Th className="max-md:hidden">First model</Th>
                  <Th right>Markup</Th>
                  <Th right className="max-md:hidden">
                    Your share
                  </Th>
                  <Th className="max-md:hidden">Changed</Th>
                </>
              }
            >
              {items.map((feature) => (
                <FeatureRow key={feature.id} feature={feature} />
              ))}
            </Table>
          )
        }
      </Answer>
    </Card>
  );
}

function FeatureRow({ feature }: { feature: FeatureItem }) {
  const { policy, pricing } = feature.effective;
  const [first] = policy.models;
  return (
    <Row id={feature.feature_key}>
      <Td wide>
        <Link
          to="/apps/$appId/features/$featureKey"
          params={{ appId: feature.public_app_id, featureKey: feature.feature_key }}
          className="rounded-sm font-medium no-underline hover:text-accent"
        >
          {feature.display_name}
        </Link>{" "}
        <span className="font-mono text-xs text-faint">{feature.feature_key}</span>
      </Td>
      <Td>
        {feature.status === "suspended" ? (
          <Chip tone="bad">Suspended</Chip>
        ) : feature.warnings.length > 0 ? (
          <Chip tone="warn" title={feature.warnings.join("\n")}>
            {feature.warnings.length} to look at
          </Chip>
        ) : (
          <Chip tone="good">Active</Chip>
        )}
      </Td>
      <Td className="max-md:hidden">
        {first ? `${first.provider} / ${first.model}` : "–"}
        {policy.models.length > 1 && <span className="text-faint"> +{policy.models.length - 1}</span>}
      </Td>
      <Td right>{pricing.markup_percent} %</Td>
      <Td right className="max-md:hidden">
        {showBps(pricing.developer_share_bps)}
      </Td>
      <Td className="max-md:hidden">
        <Moment at={feature.updated_at} />
      </Td>
    </Row>
  );
}
