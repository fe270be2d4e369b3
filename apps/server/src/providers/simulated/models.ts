/** What the simulated provider can be asked for. Its prices are seeded like those of any other upstream. */
export type SimulatedModel = {
  id: "sim-small" | "sim-large" | "sim-reasoning";
  name: string;
  contextTokens: number;
  maxOutputTokens: number;
  /** It thinks before it answers, and reports the tokens of its thoughts. */
  reasons: boolean;
};

export const simulatedModels: readonly SimulatedModel[] = [
  {
    id: "sim-small",
    name: "Simulated small",
    contextTokens: 128_000,
    maxOutputTokens: 16_384,
    reasons: false,
  },
  {
    id: "sim-large",
    name: "Simulated large",
    contextTokens: 128_000,
    maxOutputTokens: 16_384,
    reasons: false,
  },
  {
    id: "sim-reasoning",
    name: "Simulated reasoning",
    contextTokens: 128_000,
    maxOutputTokens: 16_384,
    reasons: true,
  },
];
