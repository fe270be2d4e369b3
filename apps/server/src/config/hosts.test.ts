import { expect, test } from "vitest";
import { isMetadataHost, isPrivateHost, siteOf } from "./hosts.ts";

test.each([
  ..."localhost a.localhost localhost. litellm db.internal x.local x.lan host.docker.internal x.default.svc".split(
    " ",
  ),
  ..."0.0.0.0 10.1.2.3 100.64.0.1 127.9.9.9 169.254.169.254 172.16.0.1 172.31.255.255 192.168.1.1".split(" "),
  ..."192.0.2.9 198.19.0.1 224.0.0.1 255.255.255.255 168.63.129.16 127.0.0.1.nip.io app.localtest.me".split(
    " ",
  ),
  ..."[::1] [::] [fd00::1] [fe80::1] [::ffff:8.8.8.8] [64:ff9b::808:808] [2002:808:808::] [2001:db8::1]".split(
    " ",
  ),
])("%s is private", (host) => {
  expect(isPrivateHost(host)).toBe(true);
});

test.each(
  "8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.167.1.1 features.example.org local.example.org [2606:4700::1111] feb0.example.org".split(
    " ",
  ),
)("%s is public", (host) => {
  expect(isPrivateHost(host)).toBe(false);
});

test("the parser of URLs turns every notation of an address into the one that is judged", () => {
  for (const text of [
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "①②⑦.0.0.1",
    "LOCALHOST",
    "127.0.0.1.",
  ]) {
    expect(isPrivateHost(new URL(`https://${text}/`).hostname)).toBe(true);
  }
});

test("metadata services by name and by address", () => {
  for (const host of [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "169.254.169.254",
    "100.100.100.200",
  ])
    expect(isMetadataHost(host)).toBe(true);
  for (const host of ["metadata.example.org", "8.8.8.8", "litellm"]) expect(isMetadataHost(host)).toBe(false);
});

test("a site is the registrable domain", () => {
  expect(siteOf("https://api.pilot.example.org/x")).toBe("example.org");
  expect(siteOf("https://api.pilot.co.uk")).toBe("pilot.co.uk");
  expect(siteOf("https://one.vercel.app")).not.toBe(siteOf("https://two.vercel.app"));
  expect(siteOf("https://8.8.8.8")).not.toBe(siteOf("https://9.9.8.8"));
});
