import type { JsonObject } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";
import type { Translation } from "./translation.ts";

/** Source: https://platform.claude.com/docs/en/build-with-claude/vision, read November 2026. */
const mediaTypes: ReadonlySet<string> = new Set(["image/jpeg", "image/png", "image/gif", "image/webp"]);

/** A data URL goes as its bytes; an https URL is fetched by upstream, never from here. */
export function translateImage(part: JsonObject, place: string, translation: Translation): JsonObject {
  const image = part.image_url;
  const url = isObject(image) ? image.url : image;
  if (isObject(image) && image.detail !== undefined && image.detail !== null && image.detail !== "auto") {
    translation.drop("image_url.detail");
  }
  const param = `${place}.image_url.url`;
  if (typeof url !== "string") return translation.refuse(param, "must be a text");
  if (/^https:/i.test(url)) return { type: "image", source: { type: "url", url } };
  if (!/^data:/i.test(url)) return translation.refuse(param, "must be a data or https URL for this provider");
  const comma = url.indexOf(",");
  const [type = "", ...parameters] = url.slice(5, Math.max(5, comma)).toLowerCase().split(";");
  const media_type = type === "image/jpg" ? "image/jpeg" : type;
  if (comma < 0 || parameters.at(-1) !== "base64") return translation.refuse(param, "must carry base64");
  if (!mediaTypes.has(media_type)) {
    return translation.refuse(param, "must be a JPEG, PNG, GIF or WebP image for this provider");
  }
  return { type: "image", source: { type: "base64", media_type, data: url.slice(comma + 1) } };
}
