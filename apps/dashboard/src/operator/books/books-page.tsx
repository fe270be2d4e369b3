import { PageHead } from "../../ui/page-head.tsx";

export function BooksPage() {
  return (
    <>
      <title>Books · ModelFaucet</title>
      <PageHead title="Books" />
    </>
  );
}
