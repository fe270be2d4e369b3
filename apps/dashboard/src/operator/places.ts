/** The operator's screens in the menu. */
export const operatorPlaces = [
  { to: "/operator", label: "Books", group: "Operator", scope: "operator:read" },
] as const;
