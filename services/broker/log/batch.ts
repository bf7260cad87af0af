import type { BrambleError } from '#core/errors.ts';
import type { Receipt } from './message-log.ts';

/** Messages that are written in one record, from the first of them until the last is settled. */
export class Batch {
  /** The record; its number and time are filled in when it is first sent. */
  bytes: Buffer;
  receipts: Receipt[];
  /** When its first message came, milliseconds of the monotonic clock. */
  readonly since: number;
  /** 0 until it is sent. */
  number = 0;
  sentAt = 0;
  /** Where it was sent first, and when. */
  firstShard = -1;
  firstSentAt = 0;
  confirmed = false;

  constructor(bytes: Buffer, receipts: Receipt[], since: number) {
    this.bytes = bytes;
    this.receipts = receipts;
    this.since = since;
  }

  /** A quorum has the record. Returns the bytes that nobody waits for any more. */
  commit(shard: number, sequence: number): number {
    const { receipts } = this;
    this.confirmed = true;
    this.receipts = [];
    for (let index = 0; index < receipts.length; index++) {
      receipts[index]!.settle(undefined, { shard, sequence, index });
    }
    return receipts.length > 0 ? this.bytes.length : 0;
  }

  /** Nobody waits for it any longer. Returns the bytes that this sets free. */
  fail(error: BrambleError): number {
    const { receipts } = this;
    this.receipts = [];
    for (const receipt of receipts) receipt.settle(error, undefined);
    return receipts.length > 0 ? this.bytes.length : 0;
  }
}
