/** The operator's screens in the menu. */
export const operatorPlaces = [
  { to: "/operator", label: "Overview", group: "Operator", scope: "operator:read" },
  { to: "/operator/alerts", label: "Alerts", group: "Operator", scope: "operator:read" },
  { to: "/operator/developers", label: "Developers", group: "Operator", scope: "operator:read" },
  { to: "/operator/apps", label: "Apps", group: "Operator", scope: "operator:read" },
  { to: "/operator/wallets", label: "Wallets", group: "Operator", scope: "operator:read" },
  { to: "/operator/sessions", label: "Sessions", group: "Operator", scope: "operator:read" },
  { to: "/operator/switches", label: "Switches", group: "Operator", scope: "operator:read" },
  { to: "/operator/limits", label: "Limits", group: "Operator", scope: "operator:read" },
  { to: "/operator/prices", label: "Price book", group: "Operator", scope: "operator:read" },
  { to: "/operator/providers", label: "Providers", group: "Operator", scope: "operator:read" },
  { to: "/operator/key-rotation", label: "Key rotation", group: "Operator", scope: "operator:read" },
  { to: "/operator/tokens", label: "Operator tokens", group: "Operator", scope: "operator:read" },
  { to: "/operator/books", label: "Books", group: "Operator", scope: "operator:read" },
  { to: "/operator/audit", label: "Audit log", group: "Operator", scope: "operator:read" },
] as const;
