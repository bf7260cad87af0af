import type { Bus } from '#core/jetstream/bus.ts';
import { type RemoteShare, RemoteShares } from '../router/shares.ts';
import { SubscriptionTrie } from '../router/trie.ts';
import type { Members } from './members.ts';

export interface InterestOptions {
  bus: Bus;
  members: Members;
  /** The filters that this node needs, to be told whole to a node that is new. */
  filters: () => Iterable<string>;
  /** Its shared subscriptions and their members. */
  shares: () => Iterable<[string, number]>;
}

/** What a peer wants. Until it has told everything, it wants everything. */
interface PeerInterest {
  complete: boolean;
  trie: SubscriptionTrie<true, true>;
}

interface Announcement {
  node: string;
  /** Replace what was known: the first part of a whole list. */
  reset?: boolean;
  /** The whole list is told with this one. */
  complete?: boolean;
  add: string[];
  remove: string[];
  /** Members of shared subscriptions; 0 = none any more. */
  shares: [string, number][];
}

/** Characters of filters in one announcement; JSON and UTF-8 stay below NATS' payload limit. */
const PART = 128 * 1024;
/** Until a node that did not answer is told again, milliseconds. */
const RETRY = 1_000;
const CACHED_TOPICS = 10_000;

/**
 * Which node wants what. Every node tells the others, and they answer: the question travels behind
 * the NATS subscription on the same path from server to server, so the answers prove that the
 * subscription is in force everywhere. And a node that knows that nobody else wants a topic need
 * not send it at all.
 */
export class Interest {
  readonly #options: InterestOptions;
  readonly #peers = new Map<string, PeerInterest>();
  readonly #wanted = new Map<string, boolean>();
  readonly #shares = new RemoteShares();
  #toAdd = new Set<string>();
  #toRemove = new Set<string>();
  #toShare = new Map<string, number>();
  /** The round of announcements that waits, and the last one of all. */
  #next: Promise<void> | undefined;
  #last: Promise<void> | undefined;
  #open = false;

  constructor(options: InterestOptions) {
    this.#options = options;
  }

  /** Whether an announcement is on its way. */
  get pending(): Promise<void> | undefined {
    return this.#next ?? this.#last;
  }

  start(): void {
    const { bus, members } = this.#options;
    this.#open = true;
    members.serve('interest', (data, message) => {
      this.#learn(JSON.parse(data.toString()) as Announcement);
      message.respond();
    });
    members.onChange((node, change) => {
      this.#wanted.clear();
      if (change !== 'joined') {
        this.#shares.forget(node);
        this.#peers.delete(node);
      }
      if (change !== 'left') this.#meet(node);
    });
    for (const node of members.peers) this.#meet(node);
    // While the link was down announcements may have been lost, in both directions.
    bus.on('up', () => {
      this.#wanted.clear();
      for (const peer of this.#peers.values()) peer.complete = false;
      for (const node of members.peers) void this.#tellEverything(node);
    });
  }

  close(): void {
    this.#open = false;
  }

  /** Whether any other node wants the topic. */
  wanted(topic: string): boolean {
    if (this.#peers.size === 0) return false;
    const known = this.#wanted.get(topic);
    if (known !== undefined) return known;
    let wanted = false;
    for (const { complete, trie } of this.#peers.values()) {
      if (!complete) wanted = true;
      else {
        trie.match(topic, () => {
          wanted = true;
        });
      }
      if (wanted) break;
    }
    if (this.#wanted.size >= CACHED_TOPICS) this.#wanted.clear();
    this.#wanted.set(topic, wanted);
    return wanted;
  }

  /** Shared subscriptions with members elsewhere; undefined where none matches. */
  sharesFor(topic: string): readonly RemoteShare[] | undefined {
    if (this.#shares.size === 0) return undefined;
    const found = this.#shares.match(topic);
    return found.length > 0 ? found : undefined;
  }

  /** Members of a shared subscription elsewhere, by node. */
  membersElsewhere(key: string): ReadonlyMap<string, number> | undefined {
    return this.#shares.get(key)?.nodes;
  }

  sharedElsewhere(): Iterable<string> {
    return this.#shares.keys;
  }

  /** Resolves when every node that is alive knows, or has not answered in time. */
  add(filter: string): Promise<void> {
    this.#toRemove.delete(filter);
    this.#toAdd.add(filter);
    return this.#announce();
  }

  /** Nobody waits for it: until it is told, peers send what nobody here takes. */
  remove(filter: string): void {
    this.#toAdd.delete(filter);
    this.#toRemove.add(filter);
    void this.#announce();
  }

  setShare(key: string, members: number): Promise<void> {
    this.#toShare.set(key, members);
    return this.#announce();
  }

  #meet(node: string): void {
    if (!this.#peers.has(node)) {
      this.#peers.set(node, { complete: false, trie: new SubscriptionTrie() });
    }
    void this.#tellEverything(node);
  }

  #learn({ node, reset, complete, add, remove, shares }: Announcement): void {
    let peer = this.#peers.get(node);
    if (peer === undefined || reset === true) {
      peer = { complete: false, trie: new SubscriptionTrie() };
      this.#peers.set(node, peer);
      this.#shares.forget(node);
    }
    for (const [key, members] of shares) this.#shares.set(node, key, members);
    for (const filter of add) peer.trie.set(filter, true, true);
    for (const filter of remove) peer.trie.delete(filter, true);
    if (complete === true) peer.complete = true;
    this.#wanted.clear();
  }

  /** Tells all peers what has changed, one round at a time; changes meanwhile go with the next. */
  #announce(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    const round = (this.#last ?? Promise.resolve()).then(async () => {
      this.#next = undefined;
      await this.#tellChanges();
      if (this.#last === round) this.#last = undefined;
    });
    this.#next = round;
    this.#last = round;
    return round;
  }

  async #tellChanges(): Promise<void> {
    const { members, bus } = this.#options;
    const [add, remove, shares] = [[...this.#toAdd], [...this.#toRemove], [...this.#toShare]];
    this.#toAdd = new Set();
    this.#toRemove = new Set();
    this.#toShare = new Map();
    if (!bus.connected) return;
    const parts = split(members.node, add, remove, shares).map((part) => JSON.stringify(part));
    await Promise.all(
      members.peers.map(async (node) => {
        for (const part of parts) {
          if ((await members.ask(node, 'interest', part)) !== undefined) continue;
          this.#retry(node);
          return;
        }
      }),
    );
  }

  async #tellEverything(node: string): Promise<void> {
    const { members, filters, shares } = this.#options;
    const parts = split(members.node, [...filters()], [], [...shares()]);
    parts[0]!.reset = true;
    parts[parts.length - 1]!.complete = true;
    for (const part of parts) {
      if ((await members.ask(node, 'interest', JSON.stringify(part))) !== undefined) continue;
      this.#retry(node);
      return;
    }
  }

  /** A node that is alive and has not answered is told everything again. */
  #retry(node: string): void {
    const again = (): void => {
      if (this.#open && this.#options.members.peers.includes(node)) void this.#tellEverything(node);
    };
    setTimeout(again, RETRY).unref();
  }
}

/** Announcements of bounded size; at least one. */
function split(
  node: string,
  add: readonly string[],
  remove: readonly string[],
  shares: readonly [string, number][],
): Announcement[] {
  const empty = (): Announcement => ({ node, add: [], remove: [], shares: [] });
  const parts = [empty()];
  let length = 0;
  const part = (size: number): Announcement => {
    if (length > 0 && length + size > PART) {
      parts.push(empty());
      length = 0;
    }
    length += size;
    return parts[parts.length - 1]!;
  };
  for (const filter of add) part(filter.length + 3).add.push(filter);
  for (const filter of remove) part(filter.length + 3).remove.push(filter);
  for (const share of shares) part(share[0].length + 16).shares.push(share);
  return parts;
}
