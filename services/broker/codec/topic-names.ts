import { ProtocolFault, REASON } from './reason.ts';
import { levelCount } from './topic.ts';
import { isWellFormedUtf8 } from './utf8.ts';

/** A Topic Name as it is used: checked once, and one string however often it comes. */
export interface TopicName {
  readonly text: string;
  /** Its UTF-8 bytes. */
  readonly bytes: Buffer;
  readonly levels: number;
}

/** A power of two. */
const SLOTS = 4_096;
/** Longer ones are made anew each time, bytes: with SLOTS it bounds the memory. */
const KEPT_LENGTH = 256;
const FNV_PRIME = 0x0100_0193;
const FNV_BASIS = 0x811c_9dc5;

/**
 * The Topic Names that came lately. Comparing bytes with those of a known one is cheaper than
 * checking and decoding them again, and a string that is always the same one is found at once
 * wherever it is looked up. Each has one slot, by a hash of its bytes (FNV-1a); the last one keeps it.
 */
export class TopicNames {
  readonly #slots: (TopicName | undefined)[] = new Array<TopicName | undefined>(SLOTS);

  /** The name in `bytes` from `start` to `end`. Throws ProtocolFault for what is none. */
  of(bytes: Buffer, start: number, end: number): TopicName {
    if (end - start > KEPT_LENGTH) return decode(bytes, start, end);
    let hash = FNV_BASIS;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, FNV_PRIME);
    const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
    const known = this.#slots[slot];
    if (known !== undefined && isSame(known.bytes, bytes, start, end)) return known;
    const made = decode(bytes, start, end);
    this.#slots[slot] = made;
    return made;
  }
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (known.length !== length) return false;
  for (let i = 0; i < length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}

/** An empty one passes: an alias may stand for it. */
function decode(bytes: Buffer, start: number, end: number): TopicName {
  if (!isWellFormedUtf8(bytes, start, end)) {
    throw new ProtocolFault(REASON.MALFORMED, 'the topic is not well-formed UTF-8');
  }
  const text = bytes.toString('utf8', start, end);
  // [MQTT-3.3.2-2]
  if (text.includes('+') || text.includes('#')) {
    throw new ProtocolFault(REASON.TOPIC_NAME_INVALID, 'wildcard in a topic name');
  }
  return { text, bytes: Buffer.from(text), levels: levelCount(text) };
}
