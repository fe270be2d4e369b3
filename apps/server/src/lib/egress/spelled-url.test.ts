import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPrivateHost } from "../../config/hosts.ts";
import { canonicalAddress, classOfAddress } from "./addresses.ts";
import { parseHostMap } from "./host-map.ts";
import { egressRefusalOf } from "./spelled-url.ts";

type Octets = [number, number, number, number];

const byte = fc.integer({ min: 0, max: 255 });
const octets = fc.tuple(byte, byte, byte, byte);

/** Somewhere in a range that no tenant may reach. */
const closedIpv4: fc.Arbitrary<Octets> = fc.oneof(
  fc.constant<Octets>([127, 0, 0, 1]),
  fc.constant<Octets>([169, 254, 169, 254]),
  fc.constant<Octets>([168, 63, 129, 16]),
  fc.constant<Octets>([100, 100, 100, 200]),
  octets.map(([, b, c, d]): Octets => [0, b, c, d]),
  octets.map(([, b, c, d]): Octets => [10, b, c, d]),
  octets.map(([, b, c, d]): Octets => [127, b, c, d]),
  octets.map(([, b, c, d]): Octets => [100, 64 + (b % 64), c, d]),
  octets.map(([, , c, d]): Octets => [169, 254, c, d]),
  octets.map(([, b, c, d]): Octets => [172, 16 + (b % 16), c, d]),
  octets.map(([, , c, d]): Octets => [192, 168, c, d]),
  octets.map(([, b, c, d]): Octets => [198, 18 + (b % 2), c, d]),
  octets.map(([a, b, c, d]): Octets => [224 + (a % 32), b, c, d]),
);

const hex = (value: number): string => value.toString(16);
const pair = (high: number, low: number): string => hex(high * 256 + low);
const number = ([a, b, c, d]: Octets): number => ((a * 256 + b) * 256 + c) * 256 + d;
const wide = (text: string): string =>
  text.replace(/[\d.]/g, (letter) =>
    letter === "." ? "。" : String.fromCharCode(letter.charCodeAt(0) + 0xfee0),
  );

/** What URL parsers, resolvers and gateways between networks take for this IPv4 address, or for a way to it. */
const spellings: readonly ((of: Octets) => string)[] = [
  (of) => of.join("."),
  (of) => `${of.join(".")}.`,
  (of) => of.map((part) => `0${part.toString(8)}`).join("."),
  (of) => of.map((part) => `0x${hex(part)}`).join("."),
  (of) => of.map((part) => `0X000${hex(part).toUpperCase()}`).join("."),
  (of) => of.map((part) => String(part).padStart(4, "0")).join("."),
  ([a, b, c, d]) => `0x${hex(a)}.0${b.toString(8)}.${c * 256 + d}`,
  ([a, b, c, d]) => `${a}.${b * 65_536 + c * 256 + d}`,
  (of) => String(number(of)),
  (of) => `0x${hex(number(of))}`,
  (of) => `0${number(of).toString(8)}`,
  (of) => String(number(of) + 2 ** 32),
  (of) => of.map((part) => part + 256).join("."),
  (of) => wide(of.join(".")),
  (of) => of.join("%2e"),
  (of) => encodeURIComponent(wide(of.join("."))),
  (of) => `user@${of.join(".")}`,
  (of) => `api.openai.com@${of.join(".")}`,
  (of) => `api.openai.com\\@${of.join(".")}`,
  (of) => `${of.join(".")}#@api.openai.com`,
  (of) => ` ${of.join(".")}`,
  (of) => `${of.join(".")}\t`,
  (of) => `[${of.join(".")}]`,
  (of) => `[::ffff:${of.join(".")}]`,
  (of) => `[0:0:0:0:0:FFFF:${of.join(".")}]`,
  ([a, b, c, d]) => `[::ffff:${pair(a, b)}:${pair(c, d)}]`,
  ([a, b, c, d]) => `[::${pair(a, b)}:${pair(c, d)}]`,
  (of) => `[::${of.join(".")}]`,
  ([a, b, c, d]) => `[::ffff:0:${pair(a, b)}:${pair(c, d)}]`,
  ([a, b, c, d]) => `[64:ff9b::${pair(a, b)}:${pair(c, d)}]`,
  (of) => `[64:ff9b::${of.join(".")}]`,
  ([a, b, c, d]) => `[64:ff9b:1::${pair(a, b)}:${pair(c, d)}]`,
  ([a, b, c, d]) => `[2002:${pair(a, b)}:${pair(c, d)}::1]`,
  ([a, b, c, d]) => `[2001:0:${pair(a, b)}:${pair(c, d)}::]`,
  ([a, b, c, d]) => `[2001::${pair(255 - a, 255 - b)}:${pair(255 - c, 255 - d)}]`,
  ([a, b, c, d]) => `[2606:4700::5efe:${pair(a, b)}:${pair(c, d)}]`,
  ([a, b, c, d]) => `[2606:4700::200:5efe:${pair(a, b)}:${pair(c, d)}]`,
  (of) => `[::ffff:${of.join(".")}%25eth0]`,
];

const group = fc.integer({ min: 0, max: 0xffff });
/** Any address at all. */
const ipv6 = fc
  .tuple(group, group, group, group, group, group, group, group)
  .map((all) => all.map(hex).join(":"));
const prefixes = [
  "fc00",
  "fd12",
  "fd00",
  "fe80",
  "fe9f",
  "fec0",
  "ff02",
  "100",
  "64",
  "200",
  "5f00",
  "3fff",
  "2001",
  "2002",
  "0",
];
const closedIpv6 = fc
  .tuple(fc.constantFrom(...prefixes), fc.integer({ min: 0, max: 0x1ff }), ipv6)
  .map(([first, second, rest]) => [first, hex(second), ...rest.split(":").slice(2)].join(":"));

describe("T-17: a spelling of a closed address", () => {
  it("is refused, however it is written: 10,000 of them", () => {
    const spelled = fc.tuple(
      fc.constantFrom("https", "HTTPS", "http"),
      closedIpv4,
      fc.constantFrom(...spellings),
      fc.constantFrom("", ":443", ":8443"),
      fc.constantFrom("", "/", "/v1", "/v1?x=1"),
      fc.boolean(),
    );
    fc.assert(
      fc.property(spelled, ([scheme, address, spell, port, path, production]) => {
        const text = `${scheme}://${spell(address)}${port}${path}`;
        expect(egressRefusalOf(text, { production }), text).not.toBeNull();
      }),
      { numRuns: 10_000 },
    );
  });

  it("is refused in IPv6, as it is and expanded", () => {
    fc.assert(
      fc.property(closedIpv6, (address) => {
        const canonical = new URL(`https://[${address}]/`).hostname;
        expect(egressRefusalOf(`https://${canonical}/v1`, { production: true }), canonical).toEqual({
          reason: "special_address",
        });
        expect(egressRefusalOf(`https://[${address}]/v1`, { production: true })).not.toBeNull();
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("the class of an address", () => {
  it("is public only where the rules for the operator's variables find nothing private", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          octets.map((of) => of.join(".")),
          ipv6,
          closedIpv6,
        ),
        (address) => {
          if (classOfAddress(address) === "public") expect(isPrivateHost(address), address).toBe(false);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it("is public for most of the internet, and passes as it is usually written", () => {
    const first = fc
      .integer({ min: 1, max: 223 })
      .filter((a) => ![10, 100, 127, 168, 169, 172, 192, 198, 203].includes(a));
    fc.assert(
      fc.property(fc.tuple(first, byte, byte, byte), (of) => {
        expect(egressRefusalOf(`https://${of.join(".")}:8443/v1`, { production: true })).toBeNull();
      }),
    );
  });

  it.each([
    ["93.184.216.34", "public"],
    ["2606:4700:4700::1111", "public"],
    ["10.0.0.1", "private"],
    ["fd12::1", "private"],
    ["127.8.8.8", "loopback"],
    ["::1", "loopback"],
    ["fd00:ec2::254", "special"],
    ["::ffff:93.184.216.34", "special"],
    ["fe80::1%eth0", "special"],
    ["2606:4700::1%lo", "special"],
    ["0x7f.1", "special"],
    ["2130706433", "special"],
    ["010.0.0.1", "special"],
    ["example.com", "special"],
    ["", "special"],
  ])("%s is %s", (address, kind) => {
    expect(classOfAddress(address)).toBe(kind);
  });

  it("is compared in one spelling", () => {
    expect(canonicalAddress("::FFFF:7f00:1")).toBe("127.0.0.1");
    expect(canonicalAddress("2606:4700:0:0::0001")).toBe("2606:4700::1");
    expect(canonicalAddress("2606:4700::1%lo")).toBeNull();
  });
});

describe("an address as it was written", () => {
  it.each([
    ["https://api.example.com/v1", null],
    ["https://user@api.example.com/", "credentials"],
    ["https://api.example.com:0443/", "malformed"],
    ["https://api.example.com:/", "malformed"],
    ["https://api.example.com:65536/", "malformed"],
    ["https://api.example.com:22/", "port"],
    ["https://api.example.com:80/", "port"],
    ["http://api.example.com:8080/", "not_https"],
    ["ftp://api.example.com/", "scheme"],
    ["//api.example.com/", "malformed"],
    ["https://münchen.example/v1", null],
    ["https://MÜNCHEN.example./v1", null],
    ["https://api.例え.jp/v1", null],
    ["https://münchen.internal/", "private_name"],
    ["https://münchen.example/ü", "malformed"],
    ["https://münchen@api.example.com/", "credentials"],
    ["https://xn--ü.example/", "malformed"],
    ["https://münchen。example/", "malformed"],
    ["https://loc\u00adalhost/", "malformed"],
    ["https://api.ｅxample.com/", "malformed"],
    ["https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "malformed"],
    ["https:api.example.com/", "scheme"],
    ["https://xn--mnchen-3ya.example/", null],
    ["https://api..example.com/", "malformed"],
    ["https://api.example.com../", "malformed"],
    ["https://-api.example.com/", "malformed"],
    [`https://${"a".repeat(64)}.example.com/`, "malformed"],
    [`https://api.example.com/${"a".repeat(2_048)}`, "malformed"],
    ["https://api.example.com/%zz", "malformed"],
    ["https://api.example.com/\u007f", "malformed"],
    ["https://[2606:4700::0001]/", "spelling"],
    ["https://localhost/", "private_name"],
    ["https://METADATA.google.internal/", "private_name"],
    ["", "malformed"],
  ])("%s: %s", (text, reason) => {
    expect(egressRefusalOf(text, { production: true })?.reason ?? null).toBe(reason);
  });

  it("says of a stand-in no more than that it is one, and keeps to a plain URL", () => {
    const hostMap = parseHostMap("stub.test=127.0.0.1!, v6.test=[::1]:8080!, plain.test=127.0.0.1");
    const outside = { production: false, hostMap };
    expect(egressRefusalOf("http://STUB.test:25/v1", outside)).toBeNull();
    expect(egressRefusalOf("https://v6.test/", outside)).toBeNull();
    expect(egressRefusalOf("http://stub.test@10.0.0.1/", outside)).toEqual({ reason: "credentials" });
    expect(egressRefusalOf("http://plain.test/", outside)).toEqual({ reason: "not_https" });
    expect(egressRefusalOf("http://stub.test/", { production: true, hostMap })).toEqual({
      reason: "not_https",
    });
    expect(hostMap.get("v6.test")).toEqual({ address: "::1", family: 6, port: 8080, standsIn: true });
  });
});
