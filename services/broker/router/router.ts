import { parseShared } from '../codec/topic.ts';
import { lowerQos, type Message, type Qos } from '../message.ts';
import type { Session } from '../session/session.ts';
import type { Subscription } from '../session/subscription.ts';
import { ShareGroup } from './share-group.ts';
import { nodeOfMember, type RemoteShare } from './shares.ts';
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
  /** Hands a message to the members of a shared subscription on one other node. */
  sendShared(node: string, key: string, message: Message): void;
}

export interface RouterOptions {
  /** Asked once for each (session, topic) match; the answer is kept with the match. */
  mayReceive: (session: Session, topic: string) => boolean;
  uplink: Uplink | undefined;
}

type Subscriber = Session | ShareGroup | Listener;

/** One delivery of a topic's messages: overlapping subscriptions of a session are one. */
interface Target {
  session: Session;
  qos: Qos;
  retainAsPublished: boolean;
  /** Set when any of its subscriptions has No Local: what the session gets of its own messages. */
  own: Target | null | undefined;
  ids: number[] | undefined;
}

interface Match {
  generation: number;
  targets: Target[];
  groups: ShareGroup[];
  listeners: Listener[];
}

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

  /** Routes a message of this node: to its own subscribers and to the other nodes. */
  publish(message: Message): void {
    const { uplink } = this.#options;
    const { groups } = this.receive(message);
    const elsewhere = uplink?.sharesFor(message.topic);
    if (elsewhere === undefined) {
      for (const group of groups) group.deliver(message, this.#options.mayReceive);
    } else {
      this.#publishShared(message, groups, elsewhere);
    }
    uplink?.publish(message);
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
      let target = targets[i]!;
      const { session } = target;
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
      match.targets.push(mergeOverlapping(session, subscriptions));
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

/** [MQTT-3.3.4-2]: the highest QoS of all that match, [MQTT-3.3.4-3] and -4: all identifiers. */
function mergeOverlapping(session: Session, subscriptions: readonly Subscription[]): Target {
  const merged = merge(session, subscriptions);
  if (subscriptions.some((s) => s.noLocal)) {
    const rest = subscriptions.filter((s) => !s.noLocal);
    merged.own = rest.length === 0 ? null : merge(session, rest);
  }
  return merged;
}

function merge(session: Session, subscriptions: readonly Subscription[]): Target {
  let qos: Qos = 0;
  let retainAsPublished = false;
  const ids: number[] = [];
  for (const subscription of subscriptions) {
    if (subscription.qos > qos) qos = subscription.qos;
    if (subscription.retainAsPublished) retainAsPublished = true;
    if (subscription.id > 0) ids.push(subscription.id);
  }
  return { session, qos, retainAsPublished, own: undefined, ids: ids.length > 0 ? ids : undefined };
}
