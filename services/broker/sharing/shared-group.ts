import type { Message } from '#core/mqtt/message.ts';
import type { Handover, Outgoing, SessionOutlet } from '../session/outgoing.ts';
import type { Session } from '../session/session.ts';

/** The members of a shared subscription, wherever they are. */
export interface GroupMembers {
  /** Connected members on this node. */
  here(): number;
  /** Members on other nodes. */
  elsewhere(): ReadonlyMap<string, number>;
  /** Gives the message to a member on this node; false when none takes it now. */
  give(message: Message, told: Handover): boolean;
  /** Gives the message to the members on another node; `id` comes back with the answer. */
  send(node: string, message: Message, id: number): void;
}

/** Messages under way to each member. */
const PER_MEMBER = 32;
const WINDOW_MAX = 1_024;
/** A node that gave a message back is left alone for so long, milliseconds. */
const BUSY = 500;

/**
 * The one place of the cluster from which a shared subscription's QoS 1 and 2 messages are handed
 * out (MQTT 5, 4.8.2): a session like others, with its place in the log, whose client is the whole
 * group. What a member does not acknowledge before it goes is handed to another one.
 */
export class SharedGroup implements SessionOutlet {
  readonly session: Session;
  readonly #members: GroupMembers;
  /** Under way, by the session's packet identifiers: at which node; '' = here. */
  readonly #given = new Map<number, string>();
  /** Taken from the log, and nobody took them yet. */
  readonly #parked = new Set<number>();
  readonly #busyUntil = new Map<string, number>();
  #turn = 0;

  constructor(session: Session, members: GroupMembers) {
    this.session = session;
    this.#members = members;
  }

  get window(): number {
    let count = this.#members.here();
    for (const members of this.#members.elsewhere().values()) count += members;
    return Math.min(WINDOW_MAX, Math.max(1, count) * PER_MEMBER);
  }

  get ready(): boolean {
    return this.#parked.size === 0 && this.#candidates().length > 0;
  }

  send({ message, qos }: Outgoing, packetId: number): boolean {
    // QoS 0 goes to a member by way of its publisher's node.
    if (qos > 0) this.#place(packetId, message);
    return true;
  }

  sendRelease(packetId: number): void {
    this.session.acknowledge(packetId);
  }

  overflow(): void {}

  /** A member elsewhere has acknowledged it. */
  done(packetId: number): void {
    if (!this.#given.delete(packetId)) return;
    this.session.acknowledge(packetId);
  }

  /** A member elsewhere did not take it, or is gone. */
  handBack(packetId: number, node: string): void {
    if (this.#given.get(packetId) !== node) return;
    if (node !== '') this.#busyUntil.set(node, performance.now() + BUSY);
    this.#again(packetId);
  }

  /** A node is gone, or what was sent to it may be. */
  lost(node: string): void {
    for (const [packetId, at] of [...this.#given]) if (at === node) this.#again(packetId);
  }

  /** Tries again what nobody took, and goes on. Called now and then, and when members come. */
  pump(): void {
    for (const packetId of [...this.#parked]) {
      this.#parked.delete(packetId);
      this.#again(packetId);
    }
    this.session.pump();
  }

  #again(packetId: number): void {
    this.#given.delete(packetId);
    const entry = this.session.inflight.get(packetId);
    if (entry !== undefined) this.#place(packetId, entry.message);
  }

  #place(packetId: number, message: Message): void {
    const candidates = this.#candidates();
    // Each member is as likely as any other, wherever it is.
    let total = 0;
    for (const { members } of candidates) total += members;
    let turn = total === 0 ? 0 : this.#turn++ % total;
    const order = [...candidates];
    while (order.length > 1 && turn >= order[0]!.members) {
      turn -= order[0]!.members;
      order.push(order.shift()!);
    }
    for (const { node } of order) {
      this.#given.set(packetId, node);
      if (node !== '') {
        this.#members.send(node, message, packetId);
        return;
      }
      const told: Handover = {
        done: () => this.done(packetId),
        // Not within the loop that closes connections: others may be about to go, too.
        handBack: () => setImmediate(() => this.handBack(packetId, '')),
      };
      if (this.#members.give(message, told)) return;
    }
    this.#given.delete(packetId);
    this.#parked.add(packetId);
  }

  #candidates(): { node: string; members: number }[] {
    const found: { node: string; members: number }[] = [];
    const here = this.#members.here();
    if (here > 0) found.push({ node: '', members: here });
    const now = performance.now();
    for (const [node, members] of this.#members.elsewhere()) {
      if ((this.#busyUntil.get(node) ?? 0) < now) found.push({ node, members });
    }
    return found;
  }
}
