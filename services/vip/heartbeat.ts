import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a node tells all others, many times a second. */
export interface Heartbeat {
  node: string;
  /** Random, by process: counting starts again with it. */
  incarnation: string;
  count: number;
  /** Whether its balancer can serve clients. */
  serves: boolean;
  /** The nodes that it hears. */
  hears: readonly string[];
}

/** Bytes of the signature in front: HMAC-SHA-256, cut in half (RFC 2104, 5). */
const SIGNATURE = 16;
/** What fits into one Ethernet frame, behind the headers of IPv6 and UDP. */
const LONGEST = 1_452;
/** One field of the signed text each, separated by line feeds; host names contain none. */
const FIELDS = 5;

/** The datagram: a signature, then text. */
export function encodeHeartbeat(heartbeat: Heartbeat, key: string): Buffer {
  const { node, incarnation, count, serves, hears } = heartbeat;
  const text = Buffer.from(
    [node, incarnation, count, serves ? 'serves' : '', hears.join(' ')].join('\n'),
  );
  return Buffer.concat([sign(text, key), text]);
}

/** What a datagram says, or undefined where it was not sent by one that has the key. */
export function decodeHeartbeat(datagram: Buffer, key: string): Heartbeat | undefined {
  if (datagram.length <= SIGNATURE || datagram.length > LONGEST) return undefined;
  const text = datagram.subarray(SIGNATURE);
  if (!timingSafeEqual(datagram.subarray(0, SIGNATURE), sign(text, key))) return undefined;
  const fields = text.toString().split('\n');
  const [node, incarnation, counted, serves, hears] = fields;
  const count = Number(counted);
  if (fields.length !== FIELDS || !node || !incarnation || !Number.isSafeInteger(count)) {
    return undefined;
  }
  return {
    node,
    incarnation,
    count,
    serves: serves === 'serves',
    hears: hears === '' ? [] : hears!.split(' '),
  };
}

function sign(text: Buffer, key: string): Buffer {
  return createHmac('sha256', key).update(text).digest().subarray(0, SIGNATURE);
}
