import type { LogPosition } from '#core/message-log/position.ts';
import type { Message } from '#core/mqtt/message.ts';
import type { Members } from '../cluster/members.ts';
import { encodeEnvelope, readEnvelope, readRecords } from '../router/envelope.ts';
import type { Handover } from '../session/outgoing.ts';

export interface DispatchOptions {
  members: Members;
  /** Gives the message to a member on this node; false when none takes it now. */
  give: (key: string, message: Message, told: Handover) => boolean;
  /** What the members on another node made of messages that this one sent there. */
  onAnswer: (node: string, key: string, done: readonly number[], back: readonly number[]) => void;
}

/** Identifier and place in the log, bytes. */
const PLACE = 17;
const NOWHERE: LogPosition = { shard: 0, sequence: 0, index: 0 };

interface Answer {
  node: string;
  key: string;
  done: number[];
  back: number[];
}

/**
 * Shared QoS 1 and 2 messages on their way between the node that hands them out and the nodes of
 * the members, and what became of them on the way back.
 */
export class Dispatch {
  readonly #options: DispatchOptions;
  /** Answers of this turn, by node and key. */
  #answers = new Map<string, { to: string; answer: Answer }>();

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  start(): void {
    const { members, onAnswer } = this.#options;
    members.serve('shared', (data) => this.#take(data));
    members.serve('shared-answer', (data) => {
      const { node, key, done, back } = JSON.parse(data.toString()) as Answer;
      onAnswer(node, key, done, back);
    });
  }

  /** Key length (2) · key · identifier (4) · place in the log: shard (1), sequence (8), index (4) · envelope. */
  send(node: string, key: string, id: number, message: Message): void {
    const { members } = this.#options;
    const length = Buffer.byteLength(key);
    const head = Buffer.alloc(2 + length + PLACE);
    head.writeUInt16BE(length);
    head.write(key, 2, 'utf8');
    let at = head.writeUInt32BE(id, 2 + length);
    // A QoS 2 delivery that has begun is found again in the log when the member's node dies.
    const { shard, sequence, index } = message.position ?? NOWHERE;
    at = head.writeUInt8(shard, at);
    at = head.writeDoubleBE(sequence, at);
    head.writeUInt32BE(index, at);
    members.tell(node, 'shared', Buffer.concat([head, encodeEnvelope(message, members.node, 0)]));
  }

  #take(data: Buffer): void {
    const keyEnd = 2 + data.readUInt16BE(0);
    const key = data.toString('utf8', 2, keyEnd);
    const id = data.readUInt32BE(keyEnd);
    const position: LogPosition = {
      shard: data.readUInt8(keyEnd + 4),
      sequence: data.readDoubleBE(keyEnd + 5),
      index: data.readUInt32BE(keyEnd + 13),
    };
    const end = keyEnd + PLACE;
    const { origin, offset } = readEnvelope(data.subarray(end));
    readRecords(data, end + offset, origin, (message) => {
      if (position.sequence > 0) message.position = position;
      const given = this.#options.give(key, message, {
        done: () => this.#answer(origin, key).done.push(id),
        handBack: () => this.#answer(origin, key).back.push(id),
      });
      if (!given) this.#answer(origin, key).back.push(id);
    });
  }

  #answer(to: string, key: string): Answer {
    const at = `${to}\0${key}`;
    let known = this.#answers.get(at);
    if (known === undefined) {
      known = { to, answer: { node: this.#options.members.node, key, done: [], back: [] } };
      if (this.#answers.size === 0) setImmediate(() => this.#flush());
      this.#answers.set(at, known);
    }
    return known.answer;
  }

  #flush(): void {
    const answers = this.#answers;
    this.#answers = new Map();
    const { members } = this.#options;
    for (const { to, answer } of answers.values()) {
      members.tell(to, 'shared-answer', Buffer.from(JSON.stringify(answer)));
    }
  }
}
