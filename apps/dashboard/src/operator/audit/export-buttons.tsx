import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { Problem } from "../../api/call.ts";
import { dayOf } from "../../format/period.ts";
import { Button } from "../../ui/button.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { exportOf } from "./audit-query.ts";
import type { OperatorAuditSearch } from "./search.ts";

type Format = "csv" | "ndjson";

/**
 * All rows of the filter as a file. The page asks for it itself: the API takes the cookie only together with the console's
 * origin, which a plain link would not name.
 */
export function ExportButtons({ search }: { search: OperatorAuditSearch }) {
  const [asked, setAsked] = useState<Format | null>(null);
  const save = useMutation<Blob, Problem, Format>({
    mutationFn: (format) => exportOf(format, search),
    gcTime: 0,
    onSuccess: (file, format) => saveAs(file, `audit-log-${dayOf(Date.now())}.${format}`),
  });
  const exportAs = (format: Format) => {
    setAsked(format);
    save.mutate(format);
  };
  return (
    <>
      {(["csv", "ndjson"] as const).map((format) => (
        <Button key={format} disabled={save.isPending} onClick={() => exportAs(format)}>
          {save.isPending && asked === format ? "Exporting…" : `Export .${format}`}
        </Button>
      ))}
      {save.error && (
        <ProblemNotice
          trouble={save.error}
          retry={() => asked && save.mutate(asked)}
          className="w-full basis-full"
        />
      )}
    </>
  );
}

function saveAs(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
