import { z } from "zod";
import { policyIn, pricingIn } from "../manifest.ts";
import { app, appSettingsIn, appUser, createdApp, feature, featureVersion } from "../objects/app.ts";
import { userLimitIn } from "../objects/limit.ts";
import { defineRoute } from "../route.ts";
import {
  identifier,
  listOf,
  listQuery,
  moneyOut,
  okAnswer,
  reason,
  requestId,
  reserved,
  routeMode,
  text,
  timeOut,
  uuid,
} from "../values.ts";

const reads = { class: "dev", scopes: ["developer:apps:read"] } as const;
const writes = { class: "dev", scopes: ["developer:apps:write"] } as const;
const readsFeatures = { class: "dev", scopes: ["developer:features:read"] } as const;
const writesFeatures = { class: "dev", scopes: ["developer:features:write"] } as const;
const writesUsers = { class: "dev", scopes: ["developer:users:write"] } as const;

const appParams = z.strictObject({ publicAppId: identifier });
const featureParams = z.strictObject({ publicAppId: identifier, featureKey: identifier });
const expectedVersion = z.int().min(1).optional();
const displayName = text(1, 256);

export const listApps = defineRoute({
  method: "GET",
  path: "/v1/developer/apps",
  pkg: 1,
  auth: reads,
  query: z.strictObject({
    ...listQuery,
    status: z.enum(["pending", "active", "disabled", "suspended"]).optional(),
    developer_id: uuid.optional(),
  }),
  answer: listOf(app),
  codes: [],
  summary: "The developer's apps.",
});

export const readApp = defineRoute({
  method: "GET",
  path: "/v1/developer/apps/:publicAppId",
  pkg: 1,
  auth: reads,
  params: appParams,
  answer: app,
  codes: ["invalid_app"],
  summary: "One app.",
});

export const createApp = defineRoute({
  method: "POST",
  path: "/v1/developer/apps",
  pkg: 1,
  auth: writes,
  status: 201,
  body: z.strictObject({
    public_app_id: identifier,
    name: text(1, 256),
    ...appSettingsIn,
    developer_id: uuid.optional(),
    ...reserved(5, "sandbox"),
  }),
  answer: createdApp,
  codes: ["conflict"],
  summary: "Makes an app; the identity secret is in this answer and never again.",
});

export const updateApp = defineRoute({
  method: "PATCH",
  path: "/v1/developer/apps/:publicAppId",
  pkg: 1,
  auth: writes,
  params: appParams,
  body: z.strictObject({
    name: text(1, 256).optional(),
    ...appSettingsIn,
    expected_version: expectedVersion,
  }),
  answer: app,
  codes: ["invalid_app", "conflict"],
  summary: "Changes an app; in force within two seconds.",
});

export const disableApp = defineRoute({
  method: "DELETE",
  path: "/v1/developer/apps/:publicAppId",
  pkg: 1,
  auth: writes,
  params: appParams,
  answer: app,
  codes: ["invalid_app"],
  summary: "Disables an app: sessions end, wallets and books stay.",
});

export const listFeatures = defineRoute({
  method: "GET",
  path: "/v1/developer/apps/:publicAppId/features",
  pkg: 1,
  auth: readsFeatures,
  params: appParams,
  query: z.strictObject({ ...listQuery }),
  answer: listOf(feature),
  codes: ["invalid_app"],
  summary: "The app's features.",
});

export const readFeature = defineRoute({
  method: "GET",
  path: "/v1/developer/apps/:publicAppId/features/:featureKey",
  pkg: 1,
  auth: readsFeatures,
  params: featureParams,
  answer: feature,
  codes: ["invalid_app", "feature_not_found"],
  summary: "One feature with its effective manifest.",
});

export const listFeatureVersions = defineRoute({
  method: "GET",
  path: "/v1/developer/apps/:publicAppId/features/:featureKey/versions",
  pkg: 1,
  auth: readsFeatures,
  params: featureParams,
  query: z.strictObject({ ...listQuery }),
  answer: listOf(featureVersion),
  codes: ["invalid_app", "feature_not_found"],
  summary: "Past manifests of a feature.",
});

export const createFeature = defineRoute({
  method: "POST",
  path: "/v1/developer/apps/:publicAppId/features",
  pkg: 1,
  auth: writesFeatures,
  status: 201,
  params: appParams,
  body: z.strictObject({
    feature_key: identifier,
    display_name: displayName,
    policy: policyIn.default({}),
    pricing: pricingIn.default({}),
  }),
  answer: feature,
  codes: ["invalid_app", "conflict"],
  summary: "Makes a feature.",
});

export const replaceFeature = defineRoute({
  method: "PUT",
  path: "/v1/developer/apps/:publicAppId/features/:featureKey",
  pkg: 1,
  auth: writesFeatures,
  params: featureParams,
  body: z.strictObject({
    feature_key: identifier.optional(),
    display_name: displayName,
    policy: policyIn.default({}),
    pricing: pricingIn.default({}),
    expected_version: expectedVersion,
  }),
  answer: feature,
  codes: ["invalid_app", "conflict"],
  summary: "Makes or replaces a feature.",
});

export const updateFeature = defineRoute({
  method: "PATCH",
  path: "/v1/developer/apps/:publicAppId/features/:featureKey",
  pkg: 1,
  auth: writesFeatures,
  params: featureParams,
  body: z.strictObject({
    display_name: displayName.optional(),
    policy: policyIn.optional(),
    pricing: pricingIn.optional(),
    expected_version: expectedVersion,
  }),
  answer: feature,
  codes: ["invalid_app", "feature_not_found", "conflict"],
  summary: "Changes parts of a feature; `policy` and `pricing` are replaced whole.",
});

export const archiveFeature = defineRoute({
  method: "DELETE",
  path: "/v1/developer/apps/:publicAppId/features/:featureKey",
  pkg: 1,
  auth: writesFeatures,
  params: featureParams,
  answer: okAnswer,
  codes: ["invalid_app"],
  summary: "Archives a feature: history and receipts stay, the key can be used again.",
});

export const createAppUser = defineRoute({
  method: "POST",
  path: "/v1/developer/apps/:publicAppId/users",
  pkg: 1,
  auth: writesUsers,
  status: 201,
  params: appParams,
  body: z.strictObject({ external_user_id: text(1, 512), own: z.boolean().optional() }),
  answer: appUser,
  codes: ["invalid_app", "conflict"],
  summary: "Makes an end user before a first session.",
});

export const updateAppUser = defineRoute({
  method: "PATCH",
  path: "/v1/developer/apps/:publicAppId/users/:id",
  pkg: 1,
  auth: writesUsers,
  params: z.strictObject({ publicAppId: identifier, id: uuid }),
  body: z
    .strictObject({
      own: z.boolean().optional(),
      limits: z.array(userLimitIn).min(1).max(3).optional(),
      status: z.enum(["active", "suspended"]).optional(),
      /** Needed with `status`. */
      reason: reason.optional(),
    })
    .refine((body) => body.status === undefined || body.reason !== undefined, {
      error: "is required with `status`",
      path: ["reason"],
    }),
  answer: appUser,
  codes: ["invalid_app", "not_found"],
  summary:
    "Suspends or resumes an end user, sets its limits, or marks it as the developer's own account, whose charges earn nothing.",
});

export const readAppUsage = defineRoute({
  method: "GET",
  path: "/v1/apps/:publicAppId/usage",
  pkg: 1,
  auth: {
    class: "dev_or_op",
    scopes: ["developer:usage:read", "developer:operations:read", "operator:read"],
  },
  params: appParams,
  query: z.strictObject({
    ...listQuery,
    feature_key: identifier.optional(),
    route_mode: routeMode.optional(),
  }),
  answer: z.strictObject({
    public_app_id: identifier,
    app_name: z.string(),
    total_calls: z.int(),
    total_input_tokens: z.int(),
    total_output_tokens: z.int(),
    total_charge_usd: moneyOut,
    total_developer_share_usd: moneyOut,
    usage: z.array(
      z.strictObject({
        request_id: requestId,
        feature_key: z.string(),
        route_mode: routeMode,
        provider: z.string(),
        model: z.string(),
        input_tokens: z.int(),
        output_tokens: z.int(),
        charge_usd: moneyOut,
        developer_share_usd: moneyOut,
        created_at: timeOut,
      }),
    ),
    next_cursor: z.string().nullable(),
  }),
  codes: ["invalid_app"],
  summary: "An app's requests, with totals over the whole filter.",
});
