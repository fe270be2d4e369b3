import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { debugPath } from "./debug-queries.ts";

/** `59:12 left`; when it is over the page asks again. */
export function Countdown({ until }: { until: string }) {
  const queryClient = useQueryClient();
  const [now, setNow] = useState(() => Date.now());
  const left = Math.max(0, Math.ceil((Date.parse(until) - now) / 1000));
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    if (left === 0) void queryClient.invalidateQueries({ queryKey: [debugPath] });
  }, [left, queryClient]);
  return (
    <span role="timer" className="num text-muted">
      {Math.floor(left / 60)}:{String(left % 60).padStart(2, "0")} left
    </span>
  );
}
