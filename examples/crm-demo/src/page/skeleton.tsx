import { useEffect, useState } from "react";

/** The shape of what is coming, after 150 ms: an answer that is quicker never flickers. Takes its room at once. */
export function Skeleton({ className, rows }: { className?: string; rows: number }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className={`skeleton ${late ? "late" : ""} ${className ?? ""}`} role="status">
      <span className="visually-hidden">{late ? "Loading" : ""}</span>
      {Array.from({ length: rows }, (_, row) => `row ${row}`).map((name) => (
        <i key={name} />
      ))}
    </div>
  );
}
