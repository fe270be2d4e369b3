import { Link } from "@tanstack/react-router";
import { AppStatusChip } from "../../developer/apps/app-words.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import type { AppItem } from "./tenants-query.ts";

/** Apps, newest first. `own`: those of one developer, who is not named again. */
export function AppTable({
  apps,
  label,
  own = false,
}: {
  apps: readonly AppItem[];
  label: string;
  own?: boolean;
}) {
  return (
    <Table
      label={label}
      head={
        <>
          <Th wide>Name</Th>
          <Th>State</Th>
          {!own && <Th className="max-md:hidden">Developer</Th>}
          <Th className="max-md:hidden">Users are proved by</Th>
          <Th className="max-lg:hidden">Changed</Th>
        </>
      }
    >
      {apps.map((app) => (
        <Row key={app.public_app_id} id={app.public_app_id}>
          <Td wide>
            <Link
              to="/operator/apps/$appId"
              params={{ appId: app.public_app_id }}
              className="rounded-sm font-medium no-underline hover:text-accent"
            >
              {app.name}
            </Link>{" "}
            <span className="font-mono text-xs text-faint">{app.public_app_id}</span>
          </Td>
          <Td>
            <AppStatusChip status={app.status} />
          </Td>
          {!own && (
            <Td className="max-w-56 truncate max-md:hidden">
              <Link
                to="/operator/developers/$developerId"
                params={{ developerId: app.developer_id }}
                className="rounded-sm no-underline hover:text-accent"
                title={app.developer_email}
              >
                {app.developer_name}
              </Link>
            </Td>
          )}
          <Td className="max-md:hidden">{app.identity_mode}</Td>
          <Td className="max-lg:hidden">
            <Moment at={app.updated_at} />
          </Td>
        </Row>
      ))}
    </Table>
  );
}
