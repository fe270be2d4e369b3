// The documentation as a site: no fonts or scripts from elsewhere, a search that runs in the reader's browser.
import { cpSync } from "node:fs";
import { join } from "node:path";
import { browserGuard } from "@modelfaucet/browser-build/browser-guard.ts";
import { defineConfig } from "vitepress";
import { codeNotes, linksOutOfTheSite } from "./markdown.ts";

const reference = [
  { text: "Commands", link: "/reference/cli" },
  { text: "Configuration", link: "/reference/configuration" },
  { text: "Routes", link: "/reference/routes" },
  { text: "Errors", link: "/reference/errors" },
  { text: "Metrics", link: "/reference/metrics" },
  { text: "Alerts", link: "/reference/alerts" },
  { text: "OpenAPI 3.1", link: "/reference/openapi.json", target: "_self" },
];

const runbooks = [
  { text: "Overview", link: "/runbooks/" },
  { text: "Deploy", link: "/runbooks/deploy" },
  { text: "Upgrade", link: "/runbooks/upgrade" },
  { text: "Rollback", link: "/runbooks/rollback" },
  { text: "Backup and restore", link: "/runbooks/backup-and-restore" },
  { text: "Key rotation", link: "/runbooks/key-rotation" },
  { text: "Suspend", link: "/runbooks/suspend" },
  { text: "Leaked secret", link: "/runbooks/leaked-secret" },
  { text: "Database outage", link: "/runbooks/database-outage" },
  { text: "Redis outage", link: "/runbooks/redis-outage" },
  { text: "Stuck holds", link: "/runbooks/stuck-holds" },
  { text: "Drift in the books", link: "/runbooks/books-drift" },
];

export default defineConfig({
  title: "ModelFaucet",
  description: "Turns any app into a place where people can use AI, and makes the money come out right.",
  lang: "en",
  base: process.env.WEBSITE_BASE?.trim() || "/",
  cacheDir: "../.cache/vitepress",
  lastUpdated: false,
  buildEnd: ({ srcDir, outDir }) => {
    const path = join("reference", "openapi.json");
    cpSync(join(srcDir, path), join(outDir, path));
  },
  markdown: {
    config: (markdown) => {
      linksOutOfTheSite(markdown);
      codeNotes(markdown);
    },
  },
  vite: {
    // Nothing of the environment gets into the pages but where they are served.
    envPrefix: "WEBSITE_BASE",
    plugins: [browserGuard({ allow: [], env: process.env })],
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Quickstart", link: "/quickstart" },
      { text: "Concepts", link: "/concepts" },
      { text: "Hosted beta", link: "/hosted-beta" },
      { text: "Operations", link: "/operations" },
      { text: "Reference", items: reference },
    ],
    sidebar: [
      {
        text: "Start",
        items: [
          { text: "Quickstart", link: "/quickstart" },
          { text: "Concepts", link: "/concepts" },
        ],
      },
      {
        text: "Build with it",
        items: [
          { text: "The client", link: "/sdk" },
          { text: "React components", link: "/react" },
          { text: "The local bridge", link: "/local-bridge" },
        ],
      },
      {
        text: "Host it",
        items: [
          { text: "Hosted beta", link: "/hosted-beta" },
          { text: "Containers", link: "/compose" },
          { text: "One VM", link: "/one-vm" },
          { text: "Rehearsal and smoke tests", link: "/rehearsal" },
          { text: "Operations", link: "/operations" },
          { text: "Security", link: "/security" },
        ],
      },
      { text: "Runbooks", items: runbooks },
      { text: "Reference", items: reference },
      {
        text: "Inside",
        items: [
          { text: "Architecture", link: "/architecture" },
          { text: "Performance", link: "/performance" },
          { text: "Decisions", link: "/decisions/" },
        ],
      },
    ],
  },
});
