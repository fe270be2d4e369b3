# The CRM demo as static pages, for trying things out on one's own machine.

FROM node:26.10.0-bookworm-slim AS build
WORKDIR /app
ENV CI=true
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml .npmrc ./
COPY patches patches
COPY packages/browser-build packages/browser-build
COPY packages/contract packages/contract
COPY packages/react packages/react
COPY packages/sdk packages/sdk
COPY apps/server apps/server
COPY examples/crm-demo examples/crm-demo
COPY scripts/pages-config.ts scripts/pages-config.ts
RUN ["npx", "--yes", "pnpm@12.21.0", "install", "--frozen-lockfile", "--filter", "@modelfaucet/crm-demo..."]
ARG VITE_MODELFAUCET_API_BASE_URL
ARG VITE_MODELFAUCET_GATEWAY_BASE_URL
ARG VITE_MODELFAUCET_PUBLIC_APP_ID
# Named only so that the build sees them and stops: whatever begins with VITE_ can be read by everybody.
ARG VITE_MODELFAUCET_DEVELOPER_TOKEN
ARG VITE_MODELFAUCET_DEVELOPER_ADMIN_TOKEN
RUN ["node", "examples/crm-demo/node_modules/vite/bin/vite.js", "build", "examples/crm-demo"]
RUN ["node", "scripts/pages-config.ts", "--app", "crm-demo", "--root", "/srv/pages/html", "--listen", "8080", "--out", "/app/pages.conf"]

FROM nginx:1.28.0-alpine AS crm-demo
COPY --from=build /app/pages.conf /srv/pages/nginx.conf
COPY --from=build /app/examples/crm-demo/dist /srv/pages/html
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"]
ENTRYPOINT ["nginx", "-e", "stderr", "-c", "/srv/pages/nginx.conf"]
CMD ["-g", "daemon off;"]
