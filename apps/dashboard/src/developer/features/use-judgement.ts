import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { type Judgement, judgementQuery } from "./judgement-query.ts";
import { type Fault, lineOf, readText } from "./manifest-text.ts";

const pauseMs = 300;

/**
 * What the server says to the text that stands in the editor, asked a moment after the last key. `faults` are of the
 * text as it is now.
 */
export function useJudgement(publicAppId: string, text: string) {
  const settled = useSettled(text);
  const { manifest } = readText(settled);
  const query = useQuery({ ...judgementQuery(publicAppId, manifest), placeholderData: keepPreviousData });
  const [lastGood, setLastGood] = useState<Judgement>();
  if (query.data?.valid && query.data !== lastGood) setLastGood(query.data);
  const local = readText(text);
  const judged = settled === text && !query.isPlaceholderData ? query.data : undefined;
  const faults: readonly Fault[] =
    local.manifest === null
      ? local.faults
      : (query.data?.issues ?? []).map((issue) => ({ ...issue, line: lineOf(text, issue.path) }));
  return {
    faults,
    /** The last good one, so that the example does not flicker while somebody types. */
    judgement: lastGood,
    error: query.error,
    retry: query.refetch,
    /** Whether exactly this text has been judged and is good. */
    good: judged?.valid === true && local.manifest !== null,
    judging: local.manifest !== null && judged === undefined && !query.error,
  };
}

function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), pauseMs);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
