/**
 * Whether an upstream could take a field of a model body as: call somebody else, with another key, at another price,
 * logged to another place. Such a field never leaves, whoever set it and however it is spelled.
 */
export function isRedirectingField(name: string): boolean {
  const plain = name.toLowerCase();
  return redirecting.has(plain) || redirectingForms.some((form) => form.test(plain));
}

/**
 * What an upstream, LiteLLM above all, would take as: call somebody else, with another key, at another price, logged to
 * another place. Source: https://github.com/BerriAI/litellm (litellm/types/utils.py, all_litellm_params, and
 * StandardCallbackDynamicParams), read November 2026.
 */
const redirecting = new Set([
  ...["api_base", "base_url", "api_key", "api_type", "api_version", "organization", "custom_llm_provider"],
  ...["headers", "extra_headers", "default_headers", "provider_specific_header"],
  ...[
    "extra_body",
    "extra_query",
    "user_config",
    "model_list",
    "models",
    "route",
    "deployment_id",
    "specific_deployment",
  ],
  ...["region_name", "tenant_id", "client_id", "client_secret", "configurable_clientside_auth_params"],
  ...[
    "proxy",
    "proxy_server_request",
    "ssl_verify",
    "http_client",
    "timeout",
    "request_timeout",
    "force_timeout",
  ],
  ...["num_retries", "max_retries", "retry_policy", "retry_strategy", "caching", "no-log", "secret_fields"],
  ...["model_info", "turn_off_message_logging", "slack_webhook_url", "guardrails", "callbacks"],
]);
const redirectingForms = [
  /^(aws|vertex|azure|watsonx|sagemaker|bedrock|gcp|google|oci)_/,
  /^(litellm|langfuse|langsmith|arize|posthog|braintrust|humanloop|lunary|gcs|dd|wandb|weave|slack|mock)_/,
  /(^|_)fallbacks?(_dict)?$|_callbacks?$/,
  /_cost(_per_|$)/,
];
