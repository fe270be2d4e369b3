import type { RouteDefinition } from "../route.ts";
import * as admin from "./admin.ts";
import * as adminBackups from "./admin-backups.ts";
import * as adminBooks from "./admin-books.ts";
import * as alerts from "./alerts.ts";
import * as analytics from "./analytics.ts";
import * as apps from "./apps.ts";
import * as audit from "./audit.ts";
import * as console from "./console.ts";
import * as debugLog from "./debug-log.ts";
import * as developer from "./developer.ts";
import * as gateway from "./gateway.ts";
import * as identity from "./identity.ts";
import * as keyRotations from "./key-rotations.ts";
import * as limits from "./limits.ts";
import * as local from "./local.ts";
import * as modes from "./modes.ts";
import * as operatorTokens from "./operator-tokens.ts";
import * as platform from "./platform.ts";
import * as providerKeys from "./provider-keys.ts";
import * as operations from "./public.ts";
import * as sessions from "./sessions.ts";
import * as switches from "./switches.ts";
import * as user from "./user.ts";

/** Every route of the control API that is mounted with a class and a scope. */
export const apiRoutes: readonly RouteDefinition[] = [
  sessions,
  user,
  developer,
  apps,
  admin,
  adminBackups,
  adminBooks,
  alerts,
  analytics,
  platform,
  providerKeys,
  keyRotations,
  limits,
  local,
  modes,
  switches,
  debugLog,
  console,
  identity,
  operatorTokens,
  audit,
].flatMap((group) => Object.values(group) as RouteDefinition[]);

/** Every route of the gateway. */
export const gatewayRoutes: readonly RouteDefinition[] = Object.values(gateway);

/** What each process answers about itself. */
export const operationRoutes: readonly RouteDefinition[] = Object.values(operations);
