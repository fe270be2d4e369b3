# The server: all roles and all commands. `scripts/image-rehearsal.ts` reads this file and carries its steps out where no
# Docker engine is at hand.

FROM node:26.10.0-bookworm-slim AS build
WORKDIR /app
ENV CI=true
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml .npmrc LICENSE ./
COPY patches patches
COPY packages/contract packages/contract
COPY packages/token-counter packages/token-counter
COPY apps/server apps/server
COPY infra/bin infra/bin
# In the layout of the workspace: Node strips no types from packages that were copied into node_modules.
RUN ["npx", "--yes", "pnpm@12.21.0", "install", "--prod", "--frozen-lockfile", "--filter", "@modelfaucet/server..."]

FROM node:26.10.0-bookworm-slim AS server
# pg_dump and pg_restore of the newest PostgreSQL work with every older server from 15 on; Debian's own are of 15.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
  && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
  && apt-get install --yes --no-install-recommends postgresql-client-18 \
  && rm -rf /var/lib/apt/lists/*
RUN ["useradd", "--uid", "10001", "--no-create-home", "--home-dir", "/tmp", "--shell", "/usr/sbin/nologin", "modelfaucet"]
WORKDIR /app
# Owned by root: the server cannot change what it runs.
COPY --from=build /app /app
RUN ["ln", "-s", "/app/infra/bin/modelfaucet", "/usr/local/bin/modelfaucet"]
ENV NODE_ENV=production HOME=/tmp
USER 10001:10001
EXPOSE 3001 3002 3003
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["modelfaucet", "healthcheck"]
ENTRYPOINT ["modelfaucet"]
CMD ["serve"]

# For trying things out on one's own machine; it refuses to run in production.
FROM server AS simulated-provider
ENV NODE_ENV=development PORT=4010 HOST=0.0.0.0
EXPOSE 4010
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "--eval", "fetch('http://127.0.0.1:' + process.env.PORT + '/health').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/app/infra/bin/simulated-provider"]
CMD []
