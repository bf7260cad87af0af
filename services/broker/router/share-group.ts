import { lowerQos, type Message } from '#core/mqtt/message.ts';
import type { Handover } from '../session/outgoing.ts';
import type { Session } from '../session/session.ts';
import type { Subscription } from '../session/subscription.ts';

interface Member {
  session: Session;
  subscription: Subscription;
}

/**
 * The members on this node of one shared subscription (MQTT 5, 4.8.2). Each message goes to one of
 * them in turn, to one that is connected where there is one.
 */
export class ShareGroup {
  /** `$share/{name}/{filter}`. */
  readonly key: string;
  #members: Member[] = [];
  #turn = 0;

  constructor(key: string) {
    this.key = key;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Adds or replaces; returns whether the session is new in the group. */
  set(session: Session, subscription: Subscription): boolean {
    const known = this.#members.find((member) => member.session === session);
    if (known !== undefined) {
      known.subscription = subscription;
      return false;
    }
    this.#members.push({ session, subscription });
    return true;
  }

  delete(session: Session): boolean {
    const before = this.#members.length;
    this.#members = this.#members.filter((member) => member.session !== session);
    return this.#members.length < before;
  }

  /** Members whose clients are there. */
  get connected(): number {
    let connected = 0;
    for (const { session } of this.#members) if (session.outlet !== undefined) connected++;
    return connected;
  }

  /** Gives a QoS 1 or 2 message to a connected member; false when none takes it now. */
  give(
    message: Message,
    told: Handover,
    mayReceive: (session: Session, topic: string) => boolean,
  ): boolean {
    const member = this.#pick(
      ({ session }) => session.outlet !== undefined && mayReceive(session, message.topic),
    );
    if (member === undefined) return false;
    const { session, subscription } = member;
    const qos = lowerQos(subscription.qos, message.qos);
    const retain = subscription.retainAsPublished && message.retain;
    const ids = subscription.id > 0 ? [subscription.id] : undefined;
    if (qos > 0) return session.enqueue({ message, qos, retain, ids, told });
    session.deliverOnce(message, retain, ids);
    told.done();
    return true;
  }

  /** Gives a QoS 0 message to a member. */
  deliver(message: Message, mayReceive: (session: Session, topic: string) => boolean): boolean {
    const member = this.#pick((m) => mayReceive(m.session, message.topic));
    if (member === undefined) return false;
    const { session, subscription } = member;
    const retain = subscription.retainAsPublished && message.retain;
    const ids = subscription.id > 0 ? [subscription.id] : undefined;
    session.deliverOnce(message, retain, ids);
    return true;
  }

  #pick(allowed: (member: Member) => boolean): Member | undefined {
    const members = this.#members;
    let away: Member | undefined;
    let slow: Member | undefined;
    for (let i = 0; i < members.length; i++) {
      const index = (this.#turn + i) % members.length;
      const member = members[index]!;
      if (!allowed(member)) continue;
      const { outlet } = member.session;
      if (outlet?.ready === true) {
        this.#turn = (index + 1) % members.length;
        return member;
      }
      if (outlet !== undefined) slow ??= member;
      else away ??= member;
    }
    return slow ?? away;
  }
}
