import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { type DnsRecord, ptrQuestion, readRecords } from './dns-message.ts';

/** A node that has announced itself. */
export interface Discovered {
  /** Host name without `.local`. */
  name: string;
  addresses: string[];
  port: number;
}

export interface DiscoverOptions {
  /** Milliseconds. */
  patience: number;
  /** Where to ask; another place in tests. */
  group?: { address: string; port: number };
}

/** What the image announces: image/recipe, avahi/services. */
const SERVICE = '_mqtt._tcp.local';
/** RFC 6762, 3. */
const MDNS = { address: '224.0.0.251', port: 5353 };
const EVERY = 700;
const NODES_MAX = 1_000;

/**
 * Asks the local network which machines serve MQTT (RFC 6762, one-shot questions from a port of our
 * own). Resolves after `patience`; an interface that cannot multicast is passed over.
 */
export async function discover({ patience, group = MDNS }: DiscoverOptions): Promise<Discovered[]> {
  const records: DnsRecord[] = [];
  const cards = Object.values(networkInterfaces()).flatMap((list = []) => list);
  const addresses = cards.filter(({ family, internal }) => family === 'IPv4' && !internal);
  const question = ptrQuestion(SERVICE);
  const own = group === MDNS ? addresses.map(({ address }) => address) : [undefined];
  const sockets = own.map((address) => {
    const socket = createSocket({ type: 'udp4' });
    socket.on('message', (packet) => {
      if (records.length < NODES_MAX * 4) records.push(...readRecords(packet));
    });
    // A card that is down: the others are asked.
    socket.on('error', () => undefined);
    socket.bind(0, address, () => {
      if (address !== undefined) socket.setMulticastInterface(address);
    });
    return socket;
  });
  const ask = (): void => {
    for (const socket of sockets) socket.send(question, group.port, group.address, () => undefined);
  };
  ask();
  const timer = setInterval(ask, EVERY);
  await new Promise((resolve) => setTimeout(resolve, patience));
  clearInterval(timer);
  for (const socket of sockets) socket.close();
  return gather(records);
}

/** Nodes that a set of records describes, by name. Loopback and link-local addresses come last. */
export function gather(records: readonly DnsRecord[]): Discovered[] {
  const found = new Map<string, Discovered>();
  const instances = new Set(
    records.flatMap((r) => (r.type === 'PTR' && r.name === SERVICE ? [r.target] : [])),
  );
  for (const record of records) {
    if (record.type !== 'SRV' || !instances.has(record.name) || found.size >= NODES_MAX) continue;
    const name = record.target.replace(/\.local$/, '');
    const addresses = new Set(
      records.flatMap((r) =>
        (r.type === 'A' || r.type === 'AAAA') && r.name === record.target ? [r.address] : [],
      ),
    );
    found.set(name, { name, port: record.port, addresses: [...addresses].sort(byUse) });
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

function byUse(a: string, b: string): number {
  const rank = (address: string) =>
    /^(127\.|169\.254\.|fe80|::1$)/.test(address) ? 2 : address.includes(':') ? 1 : 0;
  return rank(a) - rank(b) || a.localeCompare(b);
}
