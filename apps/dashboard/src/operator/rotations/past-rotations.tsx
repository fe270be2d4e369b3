import { showCount } from "../../format/count.ts";
import { Card } from "../../ui/card.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import type { Rotation } from "./rotations-queries.ts";

export function PastRotations({ items }: { items: readonly Rotation[] }) {
  if (items.length === 0) return null;
  return (
    <Card title="Finished">
      <Table
        label="Finished rotations"
        head={
          <>
            <Th wide>Reason</Th>
            <Th right>Values</Th>
            <Th className="max-md:hidden">Started by</Th>
            <Th className="max-sm:hidden">Started</Th>
            <Th className="max-md:hidden">No value needs the old key since</Th>
          </>
        }
      >
        {items.map((item) => (
          <Row key={item.id} id={item.id} className="appear">
            <Td wide>
              <span title={item.reason}>{item.reason}</span>
            </Td>
            <Td right>{showCount(item.total)}</Td>
            <Td className="max-w-48 truncate max-md:hidden">
              <span title={item.started_by}>{item.started_by}</span>
            </Td>
            <Td className="max-sm:hidden">
              <Moment at={item.started_at} />
            </Td>
            <Td className="max-md:hidden">
              {item.old_valid_until ? (
                <Moment at={item.old_valid_until} />
              ) : (
                <span className="text-faint">–</span>
              )}
            </Td>
          </Row>
        ))}
      </Table>
    </Card>
  );
}
