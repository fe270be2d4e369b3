import type { FastifyInstance } from "fastify";
import { ApiError } from "./errors.ts";
import type { HttpServerOptions } from "./http.ts";
import { sendError } from "./http-errors.ts";

/** 405 with `Allow` where the path is known, else 404 with a hint. */
export function answerUnknownRoutes(app: FastifyInstance, options: HttpServerOptions): void {
  const known: { method: string; form: RegExp }[] = [];
  app.addHook("onRoute", (route) => {
    const form = new RegExp(
      `^${route.url
        .split("/")
        .map((part) =>
          part === "*" ? ".*" : part.startsWith(":") ? "[^/]+" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
        )
        .join("/")}$`,
    );
    for (const method of [route.method].flat()) known.push({ method, form });
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0]!;
    const methods = [...new Set(known.filter((route) => route.form.test(path)).map((route) => route.method))];
    if (methods.length > 0) {
      reply.header("allow", methods.join(", "));
      return sendError(
        reply,
        new ApiError("method_not_allowed", `This path takes ${methods.join(", ")} only.`),
        options.log,
      );
    }
    const hint = options.notFoundHint?.(request.method, path);
    const sentence = hint === undefined ? "There is no such route." : `There is no such route: ${hint}`;
    return sendError(reply, new ApiError("not_found", sentence), options.log);
  });
}
