import type { SessionTransfer } from '../session/registry.ts';
import type { Epoch } from './clock.ts';
import type { Members } from './members.ts';

export interface OwnershipHandlers {
  /** Returns whether this node has a newer connection of that client id; closes an older one. */
  displacedBy: (clientId: string, epoch: Epoch, cleanStart: boolean) => boolean;
  export: (clientId: string, cleanStart: boolean) => Buffer | undefined;
  surrender: (clientId: string) => Buffer | undefined;
}

export interface ClaimResult {
  /** A newer connection of this client id is elsewhere. */
  superseded: boolean;
  session: SessionTransfer | undefined;
}

interface ClaimQuestion {
  clientId: string;
  epoch: Epoch;
  cleanStart: boolean;
}

interface ClaimAnswer {
  superseded?: boolean;
  /** Bytes of the session that this node has, to be fetched in parts. */
  size?: number;
}

interface PartQuestion {
  clientId: string;
  /** `rest`: the final part, after which the session is gone at its old node. */
  part: 'state' | 'rest';
  offset: number;
}

/** Bytes in one answer, below nats-server's payload limit (1 MiB). */
const PART = 512 * 1024;
/** How long an exported session waits to be fetched, milliseconds. */
const EXPORT_KEPT = 5_000;

/**
 * One live connection a client id in the whole cluster, without a coordinator: whoever takes a
 * client id asks every other node that is alive. Claims carry an epoch from a hybrid logical
 * clock (Kulkarni et al., 2014), the highest wins: a node that has a newer claim answers so, and
 * one that has an older one closes that connection. Each of two claims is seen by the other's
 * node, so of any number of them exactly one stays. A node that does not answer holds nobody up
 * for longer than PEER_TIMEOUT.
 */
export class Ownership {
  readonly #members: Members;
  readonly #handlers: OwnershipHandlers;
  readonly #exports = new Map<string, { bytes: Buffer; timer: NodeJS.Timeout }>();

  constructor(members: Members, handlers: OwnershipHandlers) {
    this.#members = members;
    this.#handlers = handlers;
  }

  start(): void {
    this.#members.serve('claim', (data, message) => {
      message.respond(JSON.stringify(this.#answer(JSON.parse(data.toString()) as ClaimQuestion)));
    });
    this.#members.serve('session', (data, message) => {
      message.respond(this.#part(JSON.parse(data.toString()) as PartQuestion));
    });
  }

  close(): void {
    for (const { timer } of this.#exports.values()) clearTimeout(timer);
    this.#exports.clear();
  }

  /** Later than every claim made or heard of here. */
  nextEpoch(): Epoch {
    return this.#members.clock.next();
  }

  async claim(clientId: string, epoch: Epoch, cleanStart: boolean): Promise<ClaimResult> {
    const { peers } = this.#members;
    const question: ClaimQuestion = { clientId, epoch, cleanStart };
    const bytes = JSON.stringify(question);
    let superseded = false;
    let session: SessionTransfer | undefined;
    await Promise.all(
      peers.map(async (peer) => {
        const reply = await this.#members.ask(peer, 'claim', bytes);
        if (reply === undefined) return;
        const answer = JSON.parse(reply.toString()) as ClaimAnswer;
        if (answer.superseded === true) superseded = true;
        if (answer.size === undefined) return;
        const state = await this.#fetch(peer, clientId, 'state');
        if (state === undefined) return;
        session = { state, finish: () => this.#fetch(peer, clientId, 'rest') };
      }),
    );
    return { superseded, session };
  }

  #answer({ clientId, epoch, cleanStart }: ClaimQuestion): ClaimAnswer {
    this.#members.clock.observe(epoch.time);
    if (this.#handlers.displacedBy(clientId, epoch, cleanStart)) return { superseded: true };
    const bytes = this.#handlers.export(clientId, cleanStart);
    if (bytes === undefined) return {};
    this.#keep(clientId, bytes);
    return { size: bytes.length };
  }

  #part({ clientId, part, offset }: PartQuestion): Buffer {
    if (part === 'rest' && offset === 0) {
      const rest = this.#handlers.surrender(clientId);
      if (rest === undefined) return Buffer.alloc(0);
      this.#keep(clientId, rest);
    }
    const bytes = this.#exports.get(clientId)?.bytes;
    if (bytes === undefined) return Buffer.alloc(0);
    const total = Buffer.allocUnsafe(4);
    total.writeUInt32BE(bytes.length);
    return Buffer.concat([total, bytes.subarray(offset, offset + PART)]);
  }

  #keep(clientId: string, bytes: Buffer): void {
    clearTimeout(this.#exports.get(clientId)?.timer);
    const timer = setTimeout(() => this.#exports.delete(clientId), EXPORT_KEPT);
    this.#exports.set(clientId, { bytes, timer });
  }

  async #fetch(
    peer: string,
    clientId: string,
    part: PartQuestion['part'],
  ): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for (let offset = 0; ; ) {
      const question: PartQuestion = { clientId, part, offset };
      const reply = await this.#members.ask(peer, 'session', JSON.stringify(question));
      if (reply === undefined || reply.length < 4) return undefined;
      const bytes = reply.subarray(4);
      parts.push(bytes);
      offset += bytes.length;
      if (offset >= reply.readUInt32BE(0) || bytes.length === 0) return Buffer.concat(parts);
    }
  }
}
