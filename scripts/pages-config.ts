// Writes the nginx configuration of a server of static pages: of the images, and of the console beside systemd units.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const usage = `usage: node scripts/pages-config.ts --app dashboard|crm-demo --root <folder of the built pages>
         [--listen 127.0.0.1:5173] [--out <file>]
Writes an nginx configuration that serves built pages as any user, writing below /tmp only. The console's pages may reach
the API at VITE_MODELFAUCET_API_BASE_URL and nothing else, as when they were built.`;

process.exitCode = await main(process.argv.slice(2).filter((arg) => arg !== "--"));

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      app: { type: "string" },
      root: { type: "string" },
      listen: { type: "string", default: "127.0.0.1:5173" },
      out: { type: "string" },
      help: { type: "boolean" },
    },
  });
  const { app, root, listen, out } = values;
  const listenForm = /^(?:(?:\d{1,3}\.){3}\d{1,3}:)?\d{1,5}$/;
  if (values.help || !root?.startsWith("/") || /[\s;{}"]/.test(root) || !listenForm.test(listen)) {
    console.error(usage);
    return values.help ? 0 : 2;
  }
  if (app !== "dashboard" && app !== "crm-demo") {
    console.error(usage);
    return 2;
  }
  const text = pagesConfig({ root, listen, policy: app === "dashboard" ? await consolePolicy() : null });
  if (out) writeFileSync(out, text);
  else process.stdout.write(text);
  return 0;
}

async function consolePolicy(): Promise<string> {
  const { contentSecurityPolicy } = await import("../apps/dashboard/content-security-policy.ts");
  return contentSecurityPolicy(process.env.VITE_MODELFAUCET_API_BASE_URL?.trim() || "http://127.0.0.1:3001");
}

function pagesConfig(pages: { root: string; listen: string; policy: string | null }): string {
  const policy =
    pages.policy === null ? "" : `  add_header Content-Security-Policy "${pages.policy}" always;\n`;
  return `# Made by scripts/pages-config.ts.
worker_processes 1;
pid /tmp/modelfaucet-pages.pid;
error_log stderr warn;
events {
  worker_connections 1024;
}
http {
  types {
    text/html html;
    text/css css;
    text/javascript js mjs;
    application/json json map webmanifest;
    image/svg+xml svg;
    image/png png;
    image/x-icon ico;
    font/woff2 woff2;
    text/plain txt;
  }
  default_type application/octet-stream;
  server_tokens off;
  access_log off;
  client_body_temp_path /tmp/modelfaucet-pages-body;
  proxy_temp_path /tmp/modelfaucet-pages-proxy;
  fastcgi_temp_path /tmp/modelfaucet-pages-fastcgi;
  uwsgi_temp_path /tmp/modelfaucet-pages-uwsgi;
  scgi_temp_path /tmp/modelfaucet-pages-scgi;
  # Files hold nobody's secrets, so that compressing them tells nothing.
  gzip on;
  gzip_types text/css text/javascript application/json image/svg+xml;
  gzip_vary on;
  # Names of assets carry a hash of their content; everything else is asked for again.
  map $uri $freshness {
    ~^/assets/ "public, max-age=31536000, immutable";
    default no-cache;
  }
  add_header Cache-Control $freshness always;
  add_header X-Content-Type-Options nosniff always;
  add_header X-Frame-Options DENY always;
  add_header Referrer-Policy no-referrer always;
${policy}  server {
    listen ${pages.listen};
    root ${pages.root};
    client_max_body_size 1k;
    location / {
      # The page itself knows its paths.
      try_files $uri /index.html;
    }
    location /assets/ {
      try_files $uri =404;
    }
    location ~ /\\. {
      return 404;
    }
  }
}
`;
}
