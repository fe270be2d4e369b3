import { describe, expect, it } from "vitest";
import {
  baseUrlOf,
  extraHeadersOf,
  refuseForeignBaseUrl,
  refuseForeignKey,
  type VendorName,
  vendorNames,
} from "./vendors.ts";

const reasonOf = (work: () => void): unknown => {
  try {
    work();
    return null;
  } catch (error) {
    const { code, details } = error as { code: string; details?: { reason?: string } };
    return details?.reason ?? code;
  }
};

describe("the form of a key", () => {
  /** Each form, and who takes it. */
  const forms: [key: string, owners: VendorName[]][] = [
    ["sk-ant-api03-abcdefghijkl", ["anthropic"]],
    ["sk-or-v1-abcdefghijkl", ["openrouter"]],
    ["sk-proj-abcdefghijkl", ["openai"]],
    ["sk-svcacct-abcdefghijkl", ["openai"]],
    ["sk-abcdefgT3BlbkFJhijklm", ["openai"]],
    ["AIzaSyAbcdefghijkl", ["gemini"]],
    ["AQ.Ab8RN6Kabcdefghijkl", ["gemini"]],
    ["gsk_abcdefghijkl", ["openai_compatible"]],
    ["xai-abcdefghijkl", ["openai_compatible"]],
    ["sk-abcdefghijkl", ["openai", "deepseek", "openai_compatible"]],
    ["mf_dev_abcdefghijkl", []],
    ["whsec_abcdefghijkl", []],
    ["0123456789abcdef0123456789abcdef", [...vendorNames]],
  ];
  it.each(forms)("%s is taken by %j alone", (key, owners) => {
    const taking = vendorNames.filter(
      (provider) => reasonOf(() => refuseForeignKey(provider, key, null)) === null,
    );
    expect(taking).toEqual(vendorNames.filter((provider) => owners.includes(provider)));
  });

  it("a vendor's key may go to that vendor's own address under another name, and to no other", () => {
    const at = (baseUrl: string) =>
      reasonOf(() => refuseForeignKey("openai_compatible", "sk-ant-api03-abcdefghijkl", baseUrl));
    expect(at("https://api.anthropic.com/v1")).toBeNull();
    for (const foreign of [
      "https://api.anthropic.com.evil.example/v1",
      "https://evil.example/api.anthropic.com",
      "https://api.anthropic.com@evil.example/v1",
      "https://api.anthropic.com:8443/v1",
      "https://api.openai.com/v1",
    ]) {
      expect(at(foreign), foreign).toBe("other_provider");
    }
  });

  it.each(["with space", "with\nline", "with\u0000nul", "schlüssel", "tab\there"])(
    "%j fits into no header and is no key",
    (key) => {
      expect(reasonOf(() => refuseForeignKey("mistral", key, null))).toBe("malformed");
    },
  );
});

describe("the address of a key", () => {
  it("is the vendor's own, and nobody else's to say", () => {
    expect(baseUrlOf("gemini", null)).toBe("https://generativelanguage.googleapis.com/v1beta/openai");
    expect(baseUrlOf("gemini", "https://evil.example")).toBe(
      "https://generativelanguage.googleapis.com/v1beta/openai",
    );
    expect(reasonOf(() => refuseForeignBaseUrl("gemini", "https://evil.example"))).toBe("fixed");
    expect(reasonOf(() => refuseForeignBaseUrl("openai_compatible", null))).toBe("invalid_request");
    expect(baseUrlOf("openai_compatible", "https://llm.example/api/v1//")).toBe("https://llm.example/api/v1");
  });

  it("of Azure lies within Azure, and leads to its OpenAI-compatible API", () => {
    for (const base of ["", "/", "/openai", "/openai/v1", "/openai/v1/"]) {
      expect(baseUrlOf("azure_openai", `https://res.openai.azure.com${base}`)).toBe(
        "https://res.openai.azure.com/openai/v1",
      );
    }
    const reason = (url: string) => reasonOf(() => refuseForeignBaseUrl("azure_openai", url));
    expect(reason("https://res.services.ai.azure.com/openai/v1")).toBeNull();
    for (const foreign of [
      "https://openai.azure.com.evil.example",
      "https://evilopenai.azure.com",
      "no url",
    ]) {
      expect(reason(foreign), foreign).toBe("other_provider");
    }
    expect(extraHeadersOf("azure_openai", "secret")).toEqual({ "api-key": "secret" });
    expect(extraHeadersOf("openai", "secret")).toBeUndefined();
  });
});
