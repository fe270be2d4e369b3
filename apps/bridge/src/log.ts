export type LogLevel = "silent" | "error" | "info" | "debug";

/** One JSON line per event. What may stand in it is decided where it is written: never a body, a token or a URL. */
export type Log = { write(level: Exclude<LogLevel, "silent">, event: string, facts?: LogFacts): void };

type LogFacts = Record<string, string | number | boolean | null | undefined>;

const ranks: Record<LogLevel, number> = { silent: 0, error: 1, info: 2, debug: 3 };

export function createLog(level: LogLevel, write: (line: string) => void): Log {
  return {
    write(lineLevel, event, facts = {}) {
      if (ranks[lineLevel] > ranks[level]) return;
      write(JSON.stringify({ time: new Date().toISOString(), level: lineLevel, event, ...facts }));
    },
  };
}
