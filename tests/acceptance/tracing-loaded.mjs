// Says on standard output which module of OpenTelemetry is loaded; put before a server by NODE_OPTIONS.
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    if (/opentelemetry|tracing-otlp/.test(found.url)) process.stdout.write(`loaded ${found.url}\n`);
    return found;
  },
});
