/** A record of an answer, as far as DNS-SD needs it (RFC 6763). */
export type DnsRecord =
  | { type: 'PTR'; name: string; target: string }
  | { type: 'SRV'; name: string; target: string; port: number }
  | { type: 'A' | 'AAAA'; name: string; address: string };

const TYPES = { A: 1, PTR: 12, AAAA: 28, SRV: 33 } as const;
const CLASS_IN = 1;
/** "Answer to me alone" (RFC 6762, 5.4). */
const UNICAST = 0x8000;
const HEADER = 12;
const NAME_MAX = 255;
const LABEL_MAX = 63;
const POINTER = 0xc0;
/** Records of one packet that are looked at. */
const RECORDS_MAX = 500;

/** A question for all instances of a service type (RFC 6762, 5.1). */
export function ptrQuestion(name: string): Buffer {
  const labels = name.split('.').map((label) => {
    const bytes = Buffer.from(label);
    if (bytes.length === 0 || bytes.length > LABEL_MAX)
      throw new RangeError(`no label: "${label}"`);
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  const header = Buffer.alloc(HEADER);
  header.writeUInt16BE(1, 4);
  const end = Buffer.alloc(5);
  end.writeUInt16BE(TYPES.PTR, 1);
  end.writeUInt16BE(CLASS_IN | UNICAST, 3);
  return Buffer.concat([header, ...labels, end]);
}

/** All records of a packet that are of use here. What is broken off or wrong ends it, never throws. */
export function readRecords(packet: Buffer): DnsRecord[] {
  const records: DnsRecord[] = [];
  try {
    const isAnswer = (packet.readUInt16BE(2) & 0x8000) !== 0;
    if (!isAnswer) return [];
    const questions = packet.readUInt16BE(4);
    const count = packet.readUInt16BE(6) + packet.readUInt16BE(8) + packet.readUInt16BE(10);
    let at = HEADER;
    for (let i = 0; i < Math.min(questions, RECORDS_MAX); i++) at = readName(packet, at).next + 4;
    for (let i = 0; i < Math.min(count, RECORDS_MAX); i++) {
      const { name, next } = readName(packet, at);
      const type = packet.readUInt16BE(next);
      const length = packet.readUInt16BE(next + 8);
      const data = next + 10;
      if (data + length > packet.length) break;
      const record = readData(packet, { name, type, data, length });
      if (record !== undefined) records.push(record);
      at = data + length;
    }
  } catch {
    // A packet that ends too soon: what was read before it counts.
  }
  return records;
}

interface RawRecord {
  name: string;
  type: number;
  data: number;
  length: number;
}

function readData(packet: Buffer, { name, type, data, length }: RawRecord): DnsRecord | undefined {
  switch (type) {
    case TYPES.PTR:
      return { type: 'PTR', name, target: readName(packet, data).name };
    case TYPES.SRV:
      return {
        type: 'SRV',
        name,
        port: packet.readUInt16BE(data + 4),
        target: readName(packet, data + 6).name,
      };
    case TYPES.A:
      return length === 4
        ? { type: 'A', name, address: [...packet.subarray(data, data + 4)].join('.') }
        : undefined;
    case TYPES.AAAA: {
      if (length !== 16) return undefined;
      const groups = Array.from({ length: 8 }, (_, i) =>
        packet.readUInt16BE(data + i * 2).toString(16),
      );
      // One spelling for each address, as URLs have it.
      const address = new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
      return { type: 'AAAA', name, address };
    }
    default:
      return undefined;
  }
}

/** A name with its pointers (RFC 1035, 4.1.4), which lead backwards only. Throws RangeError. */
function readName(packet: Buffer, from: number): { name: string; next: number } {
  const labels: string[] = [];
  let at = from;
  let next: number | undefined;
  let length = 0;
  for (;;) {
    const first = packet.readUInt8(at);
    if (first === 0) return { name: labels.join('.'), next: next ?? at + 1 };
    if ((first & POINTER) === POINTER) {
      const target = packet.readUInt16BE(at) & 0x3fff;
      if (target >= at) throw new RangeError('a pointer that leads forward');
      next ??= at + 2;
      at = target;
      continue;
    }
    length += first + 1;
    if (first > LABEL_MAX || length > NAME_MAX || at + 1 + first > packet.length) {
      throw new RangeError('a name that is too long');
    }
    labels.push(packet.toString('utf8', at + 1, at + 1 + first));
    at += first + 1;
  }
}
