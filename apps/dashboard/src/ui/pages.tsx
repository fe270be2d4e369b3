import { Button } from "./button.tsx";

/** Back to the newest and on to what is older, under a list; nothing where one page holds everything. */
export function Pages({
  newest,
  next,
  toNewest,
  older,
}: {
  newest: boolean;
  next: string | null;
  toNewest: () => void;
  older: (cursor: string) => void;
}) {
  if (newest && next === null) return null;
  return (
    <nav aria-label="Pages" className="flex justify-end gap-2 border-t border-line px-4 py-2.5">
      {!newest && (
        <Button small onClick={toNewest}>
          Newest
        </Button>
      )}
      <Button small disabled={next === null} onClick={() => next !== null && older(next)}>
        Older
      </Button>
    </nav>
  );
}
