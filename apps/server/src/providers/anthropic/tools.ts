import type { JsonObject } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";
import { cacheControl } from "./cache-control.ts";
import type { ModelTraits } from "./model-traits.ts";
import type { Translation } from "./translation.ts";

export type Tools = { tools?: JsonObject[]; tool_choice?: JsonObject };

/** OpenAI's functions as Anthropic's tools, with the choice among them. */
export function translateTools(body: JsonObject, traits: ModelTraits, translation: Translation): Tools {
  for (const legacy of ["functions", "function_call"]) {
    if (body[legacy] !== undefined && body[legacy] !== null) {
      translation.refuse(legacy, "is OpenAI's old form, which this provider has no word for; use tools");
    }
  }
  const given = body.tools;
  if (given === undefined || given === null) return {};
  if (!Array.isArray(given)) return translation.refuse("tools", "must be a list");
  if (given.length === 0) return {};
  const tools = (given as unknown[]).map((tool, index) => toolOf(tool, `tools[${index}]`, translation));
  const tool_choice = choiceOf(body, translation);
  if ((tool_choice?.type === "any" || tool_choice?.type === "tool") && !traits.takesForcedTool) {
    translation.refuse("tool_choice", "must be auto or none: this model cannot be made to call a tool");
  }
  return { tools, ...(tool_choice === null ? {} : { tool_choice }) };
}

function toolOf(tool: unknown, place: string, translation: Translation): JsonObject {
  if (!isObject(tool) || tool.type !== "function" || !isObject(tool.function)) {
    return translation.refuse(`${place}.type`, "must be function: this provider has no word for other tools");
  }
  const { name, description, parameters, strict } = tool.function;
  if (typeof name !== "string") translation.refuse(`${place}.function.name`, "must be a text");
  const schema = isObject(parameters) ? parameters : { properties: {} };
  return {
    name,
    ...(typeof description === "string" ? { description } : {}),
    // A schema without a type is refused.
    input_schema: schema.type === undefined ? { type: "object", ...schema } : schema,
    ...(strict === true ? { strict } : {}),
    ...cacheControl(tool, place, translation),
  };
}

/** `null` leaves it to upstream's default, which is OpenAI's too: the model decides. */
function choiceOf(body: JsonObject, translation: Translation): JsonObject | null {
  const choice = namedChoice(body.tool_choice, translation);
  if (body.parallel_tool_calls !== false) return choice;
  if (choice?.type === "none") return choice;
  return { ...(choice ?? { type: "auto" }), disable_parallel_tool_use: true };
}

function namedChoice(choice: unknown, translation: Translation): JsonObject | null {
  if (choice === undefined || choice === null) return null;
  if (choice === "auto" || choice === "none") return { type: choice };
  if (choice === "required") return { type: "any" };
  const name = isObject(choice) && isObject(choice.function) ? choice.function.name : undefined;
  if (isObject(choice) && choice.type === "function" && typeof name === "string")
    return { type: "tool", name };
  return translation.refuse(
    "tool_choice",
    "must be auto, none, required or a function: this provider has no word for other choices",
  );
}
