/** The operator's screens in the menu. */
export const operatorPlaces = [
  { to: "/operator", label: "Overview", group: "Operator", scope: "operator:read" },
  { to: "/operator/books", label: "Books", group: "Operator", scope: "operator:read" },
] as const;
