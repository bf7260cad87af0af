import { lowerQos, type Message } from '#core/mqtt/message.ts';
import { matchesFilter, parseShared } from '../codec/topic.ts';
import type { Handover } from '../session/outgoing.ts';
import type { Session } from '../session/session.ts';
import type { Subscription } from '../session/subscription.ts';
import { ShareGroup } from './share-group.ts';
import { nodeOfMember, type RemoteShare } from './shares.ts';
import { mergeOverlapping, type SessionTarget } from './target.ts';
import { SubscriptionTrie } from './trie.ts';

/** Whoever takes messages inside the process: the emitter's listeners. Must not throw. */
export type Listener = (message: Message) => void;

/** Where messages for other nodes go, and where interest is announced. */
export interface Uplink {
  /** Takes a message from a client of this node. */
  publish(message: Message): void;
  /** Resolves when publications on every node reach this one. */
  addInterest(filter: string): Promise<void> | undefined;
  removeInterest(filter: string): void;
  /** Tells the others how many members of a shared subscription are here; as addInterest. */
  setShare(key: string, members: number): Promise<void> | undefined;
  /** Shared subscriptions with members elsewhere that match; undefined where there are none. */
  sharesFor(topic: string): readonly RemoteShare[] | undefined;
  /** Members of a shared subscription by node. */
  membersElsewhere(key: string): ReadonlyMap<string, number> | undefined;
  sharedElsewhere(): Iterable<string>;
  /** Hands a QoS 0 message to the members of a shared subscription on one other node. */
  sendShared(node: string, key: string, message: Message): void;
}

export interface RouterOptions {
  /** Asked once for each (session, topic) match; the answer is kept with the match. */
  mayReceive: (session: Session, topic: string) => boolean;
  uplink: Uplink | undefined;
}

type Subscriber = Session | ShareGroup | Listener;

interface Target extends SessionTarget {
  session: Session;
}

interface Match {
  generation: number;
  targets: Target[];
  groups: ShareGroup[];
  listeners: Listener[];
}

const NOBODY: ReadonlyMap<string, number> = new Map();

/** Topics whose match is remembered. */
const CACHED_TOPICS = 10_000;

/**
 * Brings a message to this node's subscribers. Routing is a loop over an array: it never waits for
 * a socket, and a subscriber takes, keeps or drops the message on its own account.
 */
export class Router {
  readonly #options: RouterOptions;
  readonly #trie = new SubscriptionTrie<Subscriber, Subscription | undefined>();
  readonly #groups = new Map<string, ShareGroup>();
  readonly #cache = new Map<string, Match>();
  readonly #interest = new Map<string, number>();
  /** Whose turn it is, by shared subscription with members elsewhere. */
  readonly #turns = new Map<string, number>();
  #subscriptions = 0;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** Subscriptions of this node's sessions. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Filters that this node needs from the others. */
  get interest(): Iterable<string> {
    return this.#interest.keys();
  }

  /** Forgets what was remembered of permissions: users or ACLs have changed. */
  invalidate(): void {
    this.#cache.clear();
  }

  /**
   * Returns a promise where other nodes have to hear of it first: SUBACK must wait for that, so
   * that what is published after it, anywhere, arrives.
   */
  subscribe(session: Session, subscription: Subscription): Promise<void> | undefined {
    const shared = parseShared(subscription.filter);
    const filter = shared?.filter ?? subscription.filter;
    if (shared) {
      const key = subscription.filter;
      let group = this.#groups.get(key);
      if (group === undefined) {
        group = new ShareGroup(key);
        this.#groups.set(key, group);
        this.#trie.set(filter, group, undefined);
      }
      if (!group.set(session, subscription)) return undefined;
      this.#subscriptions++;
      return this.#options.uplink?.setShare(key, group.size);
    }
    if (!this.#trie.set(filter, session, subscription)) {
      return undefined;
    }
    this.#subscriptions++;
    return this.#addInterest(filter);
  }

  unsubscribe(session: Session, rawFilter: string): void {
    const shared = parseShared(rawFilter);
    const filter = shared?.filter ?? rawFilter;
    if (shared) {
      const group = this.#groups.get(rawFilter);
      if (group === undefined || !group.delete(session)) return;
      if (group.size === 0) {
        this.#groups.delete(rawFilter);
        this.#trie.delete(filter, group);
      }
      this.#subscriptions--;
      void this.#options.uplink?.setShare(rawFilter, group.size);
      return;
    }
    if (!this.#trie.delete(filter, session)) return;
    this.#subscriptions--;
    this.#removeInterest(filter);
  }

  listen(filter: string, listener: Listener): Promise<void> | undefined {
    return this.#trie.set(filter, listener, undefined) ? this.#addInterest(filter) : undefined;
  }

  unlisten(filter: string, listener: Listener): void {
    if (this.#trie.delete(filter, listener)) this.#removeInterest(filter);
  }

  /** What one session would get of a topic: for those that read the log on their own. */
  targetFor(session: Session, topic: string): SessionTarget | undefined {
    const matching: Subscription[] = [];
    for (const subscription of session.subscriptions.values()) {
      if (subscription.filter.startsWith('$share/')) continue;
      if (matchesFilter(subscription.filter, topic)) matching.push(subscription);
    }
    if (matching.length === 0 || !this.#options.mayReceive(session, topic)) return undefined;
    return mergeOverlapping(matching);
  }

  /** Routes a QoS 0 message of this node: to its own subscribers and to the other nodes. */
  publish(message: Message): void {
    this.#share(message, this.receive(message).groups);
    this.#options.uplink?.publish(message);
  }

  /** Routes a message that was just read from the log, as every node does. */
  receiveLogged(message: Message): void {
    this.receive(message);
  }

  /** Members of a shared subscription on this node whose clients are there. */
  sharesHere(key: string): number {
    return this.#groups.get(key)?.connected ?? 0;
  }

  sharesElsewhere(key: string): ReadonlyMap<string, number> {
    return this.#options.uplink?.membersElsewhere(key) ?? NOBODY;
  }

  /** Shared subscriptions that have members on other nodes. */
  sharesOfOthers(): Iterable<string> {
    return this.#options.uplink?.sharedElsewhere() ?? [];
  }

  /** Gives a shared QoS 1 or 2 message to a member here; false when none takes it now. */
  giveShared(key: string, message: Message, told: Handover): boolean {
    return this.#groups.get(key)?.give(message, told, this.#options.mayReceive) ?? false;
  }

  #share(message: Message, groups: readonly ShareGroup[]): void {
    const elsewhere = this.#options.uplink?.sharesFor(message.topic);
    if (elsewhere !== undefined) this.#publishShared(message, groups, elsewhere);
    else for (const group of groups) group.deliver(message, this.#options.mayReceive);
  }

  /** A message that another node has given to this one's members of a shared subscription. */
  receiveShared(key: string, message: Message): void {
    this.#groups.get(key)?.deliver(message, this.#options.mayReceive);
  }

  /** Shared subscriptions of this node with their number of members. */
  *shares(): Generator<[string, number]> {
    for (const [key, group] of this.#groups) yield [key, group.size];
  }

  /** [MQTT-4.8.2-4]: one member in the cluster gets it, each in turn. */
  #publishShared(
    message: Message,
    groups: readonly ShareGroup[],
    elsewhere: readonly RemoteShare[],
  ): void {
    for (const group of groups) {
      if (!elsewhere.some((share) => share.key === group.key)) {
        group.deliver(message, this.#options.mayReceive);
      }
    }
    for (const share of elsewhere) {
      const group = groups.find((one) => one.key === share.key);
      const here = group?.size ?? 0;
      const turn = (this.#turns.get(share.key) ?? 0) % (here + share.total);
      this.#turns.set(share.key, turn + 1);
      if (turn < here && group?.deliver(message, this.#options.mayReceive) === true) continue;
      const node = nodeOfMember(share, Math.max(0, turn - here) % share.total);
      if (node !== undefined) this.#options.uplink?.sendShared(node, share.key, message);
    }
    if (this.#turns.size > CACHED_TOPICS) this.#turns.clear();
  }

  /**
   * Routes to this node's own subscribers. Shared subscriptions are the publishing node's to
   * decide: they are in the match that is returned.
   */
  receive(message: Message): { readonly groups: readonly ShareGroup[] } {
    const match = this.#match(message.topic);
    const { targets, listeners } = match;
    for (let i = 0; i < targets.length; i++) {
      let target: SessionTarget = targets[i]!;
      const { session } = targets[i]!;
      if (target.own !== undefined && session.clientId === message.publisher) {
        if (target.own === null) continue;
        target = target.own;
      }
      const qos = lowerQos(target.qos, message.qos);
      session.deliver(message, qos, target.retainAsPublished && message.retain, target.ids);
    }
    for (const listener of listeners) listener(message);
    return match;
  }

  #match(topic: string): Match {
    const known = this.#cache.get(topic);
    const { generation } = this.#trie;
    if (known !== undefined && known.generation === generation) return known;
    const match: Match = { generation, targets: [], groups: [], listeners: [] };
    const bySession = new Map<Session, Subscription[]>();
    this.#trie.match(topic, (subscriber, subscription) => {
      if (typeof subscriber === 'function') match.listeners.push(subscriber);
      else if (subscriber instanceof ShareGroup) match.groups.push(subscriber);
      else {
        const list = bySession.get(subscriber);
        if (list === undefined) bySession.set(subscriber, [subscription!]);
        else list.push(subscription!);
      }
    });
    for (const [session, subscriptions] of bySession) {
      if (!this.#options.mayReceive(session, topic)) continue;
      match.targets.push({ session, ...mergeOverlapping(subscriptions) });
    }
    if (this.#cache.size >= CACHED_TOPICS && known === undefined) this.#cache.clear();
    this.#cache.set(topic, match);
    return match;
  }

  #addInterest(filter: string): Promise<void> | undefined {
    const count = this.#interest.get(filter) ?? 0;
    this.#interest.set(filter, count + 1);
    // Also for a filter that is there already: its announcement may still be on the way.
    return this.#options.uplink?.addInterest(filter);
  }

  #removeInterest(filter: string): void {
    const count = (this.#interest.get(filter) ?? 1) - 1;
    if (count > 0) {
      this.#interest.set(filter, count);
      return;
    }
    this.#interest.delete(filter);
    this.#options.uplink?.removeInterest(filter);
  }
}
