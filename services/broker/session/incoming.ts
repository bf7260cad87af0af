import type { LogPosition } from '#core/message-log/position.ts';
import type { Message } from '#core/mqtt/message.ts';

/** What a client publishes with QoS 2, from PUBLISH to PUBREL ([MQTT-4.3.3-2]). */
export class Incoming {
  /** Packet identifiers that wait for PUBREL, with the place in the log once there is one. */
  readonly received = new Map<number, LogPosition | undefined>();
  /** Those of them whose message is on its way into the log: nobody answers for it yet. */
  readonly receiving = new Set<number>();
  /** Those of them that only the log told of, when the session was taken from a dead node. */
  readonly recalled = new Map<number, Message>();
  /** Released lately, but perhaps ahead of this node's reading: not to be taken up again. */
  releasedAhead: { packetId: number; position: LogPosition }[] = [];
  #publishing = 0;
  #doubtful = false;
  #onPublished: (() => void) | undefined;

  /** A message is on its way into the log, until `settled`. */
  begun(): void {
    this.#publishing++;
  }

  /** `position`: where it is; undefined when it is not known to be in the log. */
  settled(packetId: number, position: LogPosition | undefined): void {
    this.receiving.delete(packetId);
    if (position === undefined) {
      // The same identifier may come again as the same message.
      this.received.delete(packetId);
      this.#doubtful = true;
    } else if (this.received.has(packetId)) {
      this.received.set(packetId, position);
    }
    if (--this.#publishing === 0) this.#onPublished?.();
  }

  /**
   * Resolves when no message is on its way into the log any more: true when it is known which of
   * them are there.
   */
  async published(): Promise<boolean> {
    if (this.#publishing > 0) {
      await new Promise<void>((resolve) => {
        this.#onPublished = resolve;
      });
    }
    return !this.#doubtful;
  }

  /**
   * A PUBLISH that is not marked as sent again. If only the log told of its identifier, and with
   * another message, then that one was complete and what said so was lost in a power cut: this one
   * is new. The mark alone does not tell, since well-known clients leave it out.
   */
  unmarked(packetId: number, message: Message): void {
    const recalled = this.recalled.get(packetId);
    if (recalled !== undefined && !isSame(recalled, message)) this.release(packetId, true);
  }

  /**
   * PUBREL, or as good as that; `kept`: the session is kept beyond this process. Returns whether the
   * identifier was known.
   */
  release(packetId: number, kept: boolean): boolean {
    const position = this.received.get(packetId);
    this.recalled.delete(packetId);
    if (!this.received.delete(packetId)) return false;
    if (kept && position !== undefined) this.releasedAhead.push({ packetId, position });
    return true;
  }
}

function isSame(a: Message, b: Message): boolean {
  return a.topic === b.topic && a.payload.equals(b.payload);
}
