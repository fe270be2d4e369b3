import { createSocket } from "node:dgram";

/** What a name has: addresses, or no answer, or a server that fails. */
export type DnsAnswer = readonly string[] | "silence" | "failure";

export type DnsServer = {
  /** `127.0.0.1:port`, for `MODELFAUCET_NAME_SERVER`. */
  readonly address: string;
  /** Every name that was asked for, in order; a name is asked for once per look, whatever number of records it has. */
  readonly asked: readonly string[];
  /** What a name has from now on: one answer per look, the last one for ever. A name that was never told does not exist. */
  answer(name: string, ...looks: DnsAnswer[]): void;
  close(): Promise<void>;
};

const typeA = 1;
const typeAaaa = 28;

/** A name server on loopback that gives A and AAAA records as a test says, with no time to live. */
export async function startDnsServer(): Promise<DnsServer> {
  const names = new Map<string, readonly DnsAnswer[]>();
  const looks = new Map<string, number>();
  const asked: string[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    const { name, type, end } = questionOf(query);
    if (type === typeA) asked.push(name);
    const known = names.get(name);
    // Both record types of one look get the same answer.
    const look = looks.get(`${name} ${type}`) ?? 0;
    looks.set(`${name} ${type}`, look + 1);
    const answer = known?.[Math.min(look, known.length - 1)];
    if (answer === "silence") return;
    socket.send(messageOf(query.subarray(0, end), type, answer), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    answer: (name, ...told) => {
      names.set(name.toLowerCase(), told);
      for (const type of [typeA, typeAaaa]) looks.delete(`${name.toLowerCase()} ${type}`);
    },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

const headerBytes = 12;

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

const codeOfFailure = 2;
const codeOfNoName = 3;

function messageOf(
  question: Buffer,
  type: number,
  answer: Exclude<DnsAnswer, "silence"> | undefined,
): Buffer {
  const records =
    answer === undefined || answer === "failure"
      ? []
      : answer
          .map((address) => bytesOf(address))
          .filter((bytes) => bytes.length === (type === typeA ? 4 : type === typeAaaa ? 16 : 0));
  const message = Buffer.from(question);
  const code = answer === undefined ? codeOfNoName : answer === "failure" ? codeOfFailure : 0;
  // An answer, recursion wanted and available.
  message.writeUInt16BE(0x8180 | code, 2);
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(records.length, 6);
  message.writeUInt32BE(0, 8);
  return Buffer.concat([message, ...records.map((bytes) => recordOf(bytes, type))]);
}

/** Name by pointer to the question, class IN, no time to live. */
function recordOf(bytes: Buffer, type: number): Buffer {
  const head = Buffer.from([0xc0, headerBytes, 0, type, 0, 1, 0, 0, 0, 0, 0, bytes.length]);
  return Buffer.concat([head, bytes]);
}

/** The bytes of an address; an IPv6 address may end in four decimal numbers. */
function bytesOf(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (dotted) {
    const [a, b, c, d] = dotted.slice(2).map(Number) as [number, number, number, number];
    return bytesOf(`${dotted[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`);
  }
  const [head = "", tail] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const bytes = Buffer.alloc(16);
  [...before, ...zeros, ...after].forEach((group, index) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  });
  return bytes;
}
