import { PageHead } from "../../ui/page-head.tsx";

/** What needs the operator first. */
export function OverviewPage() {
  return (
    <>
      <title>Overview · ModelFaucet</title>
      <PageHead title="Overview" />
    </>
  );
}
