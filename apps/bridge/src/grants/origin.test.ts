import { describe, expect, test } from "vitest";
import { isPairableOrigin, originOfUrl } from "./origin.ts";

const chrome = `chrome-extension://${"abcdefghijklmnop".repeat(2)}`;

describe("an origin that can be paired", () => {
  test.each([
    "https://app.example",
    "https://app.example:8443",
    "https://xn--bcher-kva.example",
    "http://localhost:5174",
    "http://127.0.0.1:5174",
    "http://[::1]:5174",
    "http://app.localhost:3000",
    chrome,
    "moz-extension://0199f0a0-7b1c-4d6e-8f10-203040506070",
    "safari-web-extension://0199F0A0-7B1C-4D6E-8F10-203040506070",
  ])("%s", (origin) => expect(isPairableOrigin(origin)).toBe(true));
});

describe("no origin that can be paired", () => {
  test.each([
    "null",
    "",
    "*",
    "https://*.example",
    "https://app.example/",
    "https://app.example/path",
    "https://APP.example",
    "https://app.example:443",
    "https://user@app.example",
    "https://a.example https://b.example",
    "https://a.example,https://b.example",
    "http://app.example",
    "http://192.168.1.5",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "https://bücher.example",
    "https://",
    "file://",
    "data:text/html,x",
    "javascript:alert(1)",
    "blob:https://app.example/x",
    "capacitor://localhost",
    "chrome-extension://short",
    `${chrome}/page.html`,
    "https:\\\\app.example",
    `https://${"a".repeat(400)}.example`,
  ])("%s", (origin) => expect(isPairableOrigin(origin)).toBe(false));
});

test("what a person types becomes the origin in its ASCII form, or nothing", () => {
  expect(originOfUrl("https://App.Example/")).toBe("https://app.example");
  expect(originOfUrl("https://bücher.example")).toBe("https://xn--bcher-kva.example");
  expect(originOfUrl("https://app.example:443")).toBe("https://app.example");
  expect(originOfUrl("https://app.example/path")).toBeNull();
  expect(originOfUrl("https://user:pass@app.example")).toBeNull();
  expect(originOfUrl("http://app.example")).toBeNull();
  expect(originOfUrl("app.example")).toBeNull();
});
