import type { Subscription } from '@nats-io/transport-node';
import type { Message } from '../message.ts';
import {
  encodeEnvelope,
  envelopeHeader,
  readEnvelope,
  readRecords,
  recordLength,
  writeRecord,
} from '../router/envelope.ts';
import { Backlog, type Pressure } from '../router/pressure.ts';
import type { Uplink } from '../router/router.ts';
import { type RemoteShare, RemoteShares } from '../router/shares.ts';
import { LONG_SUBJECT, subjectOfTopic, subjectsOfFilter } from '../router/subjects.ts';
import { SubscriptionTrie } from '../router/trie.ts';
import type { Bus } from './bus.ts';
import type { Members } from './members.ts';

export interface MeshOptions {
  bus: Bus;
  members: Members;
  /** Takes what other nodes published. */
  onMessage: (message: Message) => void;
  pressure: Pressure;
  /** What this node wants, to be told whole to a node that is new. */
  interest: () => Iterable<string>;
  /** Its shared subscriptions and their members. */
  shares: () => Iterable<[string, number]>;
  /** Takes what another node gives to this node's members of a shared subscription. */
  onShared: (key: string, message: Message) => void;
}

export interface MeshCounters {
  routedIn: number;
  routedOut: number;
  /** Not sent to other nodes: nats-server is gone or does not keep up. */
  routeDropped: number;
}

/** What a peer wants. Until it has told everything, it wants everything. */
interface PeerInterest {
  incarnation: number;
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

/** Filters in one announcement. */
const ANNOUNCED_AT_ONCE = 1_000;
/** Records of one topic that share an envelope, bytes. */
const ENVELOPE_LIMIT = 65_536;
/** Until a node that did not answer is told again, milliseconds. */
const RETRY = 1_000;
const SUBJECTS_CACHED = 10_000;
/** What may be on the way to nats-server; beyond, publications to other nodes are dropped. Bytes. */
const OUTSTANDING_MAX = 32 << 20;
/** After so many bytes nats-server is asked whether it has read them. */
const FLUSH_BYTES = 512 << 10;

/**
 * Publications between nodes over core NATS. Each node subscribes to the subjects of the filters
 * that it needs, so nats-server brings it only what someone there wants.
 *
 * Interest is also told to every other node, which answers. The question travels behind the
 * subscription on the same path from server to server, so the answers prove that the subscription
 * is in force everywhere: only then SUBACK is sent. And a node that knows that nobody else wants a
 * topic need not send it at all.
 *
 * The publications of one topic within one turn of the event loop share an envelope. NATS hands an
 * envelope over once for each subscription that matches; all but the first are dropped by number.
 */
export class Mesh implements Uplink {
  readonly counters: MeshCounters = { routedIn: 0, routedOut: 0, routeDropped: 0 };
  readonly #options: MeshOptions;
  readonly #subscriptions = new Map<string, { count: number; subscription: Subscription }>();
  readonly #peers = new Map<string, PeerInterest>();
  readonly #lastBatch = new Map<string, number>();
  readonly #wantedCache = new Map<string, boolean>();
  readonly #subjects = new Map<string, string>();
  /** Records of this turn, by topic. */
  #pending = new Map<string, Message[]>();
  #pendingBytes = 0;
  #batch = Date.now() * 1_000;
  #toAdd = new Set<string>();
  #toRemove = new Set<string>();
  #toShare = new Map<string, number>();
  readonly #shares = new RemoteShares();
  #announcing: Promise<void> | undefined;
  readonly #backlog: Backlog;
  /** Bytes that nats-server has not confirmed to have read. */
  #outstanding = 0;
  #unflushed = 0;
  #long: Subscription | undefined;

  constructor(options: MeshOptions) {
    this.#options = options;
    this.#backlog = new Backlog(options.pressure, OUTSTANDING_MAX);
  }

  start(): void {
    const { bus, members } = this.#options;
    this.#long = bus.subscribe(LONG_SUBJECT, (data) => this.#take(data));
    members.serve('interest', (data, message) => {
      this.#learn(JSON.parse(data.toString()) as Announcement);
      message.respond();
    });
    members.serve('share', (data) => {
      const keyEnd = 2 + data.readUInt16BE(0);
      const key = data.toString('utf8', 2, keyEnd);
      const { origin, offset } = readEnvelope(data.subarray(keyEnd));
      readRecords(data, keyEnd + offset, origin, (message) => {
        this.counters.routedIn++;
        this.#options.onShared(key, message);
      });
    });
    members.onChange((node, change) => {
      this.#wantedCache.clear();
      if (change !== 'joined') {
        this.#shares.forget(node);
        // Its next start counts from its own clock, which may be behind.
        this.#lastBatch.delete(node);
      }
      if (change === 'left') {
        this.#peers.delete(node);
        return;
      }
      if (change === 'restarted') this.#peers.delete(node);
      this.#peer(node);
      void this.#announceAll(node);
    });
    for (const node of members.peers) {
      this.#peer(node);
      void this.#announceAll(node);
    }
    // While the link was down announcements may have been lost, in both directions.
    bus.on('up', () => {
      for (const peer of this.#peers.values()) peer.complete = false;
      this.#wantedCache.clear();
      for (const node of members.peers) void this.#announceAll(node);
    });
  }

  close(): void {
    this.#flush();
    this.#long?.unsubscribe();
    this.#long = undefined;
    for (const { subscription } of this.#subscriptions.values()) subscription.unsubscribe();
    this.#subscriptions.clear();
  }

  /** Whether any other node wants the topic. */
  wanted(topic: string): boolean {
    const known = this.#wantedCache.get(topic);
    if (known !== undefined) return known;
    let wanted = false;
    for (const peer of this.#peers.values()) {
      if (wanted) break;
      if (!peer.complete) wanted = true;
      else peer.trie.match(topic, () => (wanted = true));
    }
    if (this.#wantedCache.size >= SUBJECTS_CACHED) this.#wantedCache.clear();
    this.#wantedCache.set(topic, wanted);
    return wanted;
  }

  publish(message: Message): void {
    if (this.#peers.size === 0 || !this.wanted(message.topic)) return;
    if (!this.#options.bus.connected || this.#outstanding > OUTSTANDING_MAX) {
      this.counters.routeDropped++;
      return;
    }
    this.counters.routedOut++;
    if (this.#pending.size === 0) setImmediate(() => this.#flush());
    const list = this.#pending.get(message.topic);
    if (list === undefined) this.#pending.set(message.topic, [message]);
    else list.push(message);
    this.#pendingBytes += message.payload.length;
    if (this.#pendingBytes > ENVELOPE_LIMIT) this.#flush();
  }

  addInterest(filter: string): Promise<void> | undefined {
    const known = this.#subscriptions.has(filter);
    if (!known) {
      for (const [index, subject] of subjectsOfFilter(filter).entries()) {
        const key = index === 0 ? filter : `${filter}\0`;
        const subscription = this.#options.bus.subscribe(subject, (data) => this.#take(data));
        this.#subscriptions.set(key, { count: 1, subscription });
      }
      this.#toRemove.delete(filter);
      this.#toAdd.add(filter);
    }
    if (known && this.#announcing === undefined) return undefined;
    return this.#announce();
  }

  removeInterest(filter: string): void {
    for (const key of [filter, `${filter}\0`]) {
      this.#subscriptions.get(key)?.subscription.unsubscribe();
      this.#subscriptions.delete(key);
    }
    this.#toAdd.delete(filter);
    this.#toRemove.add(filter);
    // Nobody waits for it; until it is told, peers only send what nobody here takes.
    void this.#announce();
  }

  setShare(key: string, members: number): Promise<void> | undefined {
    this.#toShare.set(key, members);
    return this.#announce();
  }

  sharesFor(topic: string): readonly RemoteShare[] | undefined {
    if (this.#shares.size === 0) return undefined;
    const found = this.#shares.match(topic);
    return found.length > 0 ? found : undefined;
  }

  sendShared(node: string, key: string, message: Message): void {
    const { bus, members } = this.#options;
    if (!bus.connected || this.#outstanding > OUTSTANDING_MAX) {
      this.counters.routeDropped++;
      return;
    }
    this.counters.routedOut++;
    const keyLength = Buffer.byteLength(key);
    const head = Buffer.allocUnsafe(2 + keyLength);
    head.writeUInt16BE(keyLength);
    head.write(key, 2, 'utf8');
    const bytes = Buffer.concat([head, encodeEnvelope(message, members.node, 0)]);
    members.tell(node, 'share', bytes);
    this.#unflushed += bytes.length;
    if (this.#unflushed >= FLUSH_BYTES) this.#confirm();
  }

  #flush(): void {
    const pending = this.#pending;
    if (pending.size === 0) return;
    this.#pending = new Map();
    this.#pendingBytes = 0;
    const { bus, members } = this.#options;
    if (!bus.connected) return;
    for (const [topic, messages] of pending) {
      const header = envelopeHeader(members.node, ++this.#batch);
      let length = header.length;
      for (const message of messages) length += recordLength(message);
      const bytes = Buffer.allocUnsafeSlow(length);
      let at = header.copy(bytes);
      for (const message of messages) at = writeRecord(bytes, message, at);
      bus.nats.publish(this.#subject(topic), bytes);
      this.#unflushed += bytes.length;
    }
    if (this.#unflushed >= FLUSH_BYTES) this.#confirm();
  }

  /** nats-server answers a PING behind what was published: then it has read all of that. */
  #confirm(): void {
    const bytes = this.#unflushed;
    this.#unflushed = 0;
    this.#outstanding += bytes;
    this.#backlog.update(this.#outstanding);
    const read = (): void => {
      this.#outstanding -= bytes;
      this.#backlog.update(this.#outstanding);
    };
    this.#options.bus.nats.flush().then(read, read);
  }

  #subject(topic: string): string {
    const known = this.#subjects.get(topic);
    if (known !== undefined) return known;
    const subject = subjectOfTopic(topic);
    if (this.#subjects.size >= SUBJECTS_CACHED) this.#subjects.clear();
    this.#subjects.set(topic, subject);
    return subject;
  }

  #take(data: Buffer): void {
    const { origin, batch, offset } = readEnvelope(data);
    if ((this.#lastBatch.get(origin) ?? 0) >= batch) return;
    this.#lastBatch.set(origin, batch);
    readRecords(data, offset, origin, (message) => {
      this.counters.routedIn++;
      this.#options.onMessage(message);
    });
  }

  #peer(node: string): PeerInterest {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      peer = { incarnation: 0, complete: false, trie: new SubscriptionTrie() };
      this.#peers.set(node, peer);
    }
    return peer;
  }

  #learn({ node, reset, complete, add, remove, shares }: Announcement): void {
    const peer = this.#peer(node);
    if (reset === true) {
      peer.trie = new SubscriptionTrie();
      peer.complete = false;
      this.#shares.forget(node);
    }
    for (const [key, members] of shares) this.#shares.set(node, key, members);
    for (const filter of add) peer.trie.set(filter, true, true);
    for (const filter of remove) peer.trie.delete(filter, true);
    if (complete === true) peer.complete = true;
    this.#wantedCache.clear();
  }

  /** Tells all peers what has changed, one round at a time; changes meanwhile go with the next. */
  #announce(): Promise<void> {
    const previous = this.#announcing ?? Promise.resolve();
    if (this.#next !== undefined) return this.#next;
    const round = previous.then(async () => {
      this.#next = undefined;
      const add = [...this.#toAdd];
      const remove = [...this.#toRemove];
      const shares = [...this.#toShare];
      this.#toShare = new Map();
      this.#toAdd = new Set();
      this.#toRemove = new Set();
      await this.#tellAll(add, remove, shares);
      if (this.#announcing === round) this.#announcing = undefined;
    });
    this.#next = round;
    this.#announcing = round;
    return round;
  }
  #next: Promise<void> | undefined;

  async #tellAll(add: string[], remove: string[], shares: [string, number][]): Promise<void> {
    const { members, bus } = this.#options;
    if (!bus.connected) return;
    const announcement: Announcement = { node: members.node, add, remove, shares };
    const bytes = JSON.stringify(announcement);
    await Promise.all(
      members.peers.map(async (node) => {
        const answer = await members.ask(node, 'interest', bytes);
        if (answer === undefined) this.#unsure.add(node);
      }),
    );
    for (const node of this.#unsure) {
      this.#unsure.delete(node);
      if (members.peers.includes(node)) void this.#announceAll(node);
    }
  }
  readonly #unsure = new Set<string>();

  /** Tells one peer everything. */
  async #announceAll(node: string): Promise<void> {
    const { members, interest, shares } = this.#options;
    const filters = [...interest()];
    for (let from = 0; from === 0 || from < filters.length; from += ANNOUNCED_AT_ONCE) {
      const announcement: Announcement = {
        node: members.node,
        reset: from === 0,
        complete: from + ANNOUNCED_AT_ONCE >= filters.length,
        add: filters.slice(from, from + ANNOUNCED_AT_ONCE),
        remove: [],
        shares: from === 0 ? [...shares()] : [],
      };
      const answer = await members.ask(node, 'interest', JSON.stringify(announcement));
      if (answer === undefined) {
        this.#retry(node);
        return;
      }
    }
  }

  /** A node that is alive and has not answered is told again. */
  #retry(node: string): void {
    const again = (): void => {
      if (this.#long !== undefined && this.#options.members.peers.includes(node)) {
        void this.#announceAll(node);
      }
    };
    setTimeout(again, RETRY).unref();
  }
}
