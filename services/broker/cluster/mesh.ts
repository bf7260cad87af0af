import type { Msg, Subscription } from '@nats-io/transport-node';
import type { Bus } from '#core/jetstream/bus.ts';
import { type Message, NO_BYTES } from '#core/mqtt/message.ts';
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
import type { RemoteShare } from '../router/shares.ts';
import { LONG_SUBJECT, subjectOfTopic, subjectsOfFilter } from '../router/subjects.ts';
import type { Interest } from './interest.ts';
import { type Members, PEER_TIMEOUT } from './members.ts';

export interface MeshOptions {
  bus: Bus;
  members: Members;
  interest: Interest;
  pressure: Pressure;
  /** Takes what other nodes published. */
  onMessage: (message: Message) => void;
  /** Takes what another node gives to this node's members of a shared subscription. */
  onShared: (key: string, message: Message) => void;
}

export interface MeshCounters {
  routedIn: number;
  routedOut: number;
  /** Not sent to other nodes: nats-server is gone or does not keep up. */
  routeDropped: number;
}

/** Payload that waits for the end of the turn; beyond, it goes at once. Bytes. */
const PENDING_MAX = 65_536;
/** How often a node that is behind looks whether it has caught up, milliseconds. */
const POLL = 5;
const SUBJECTS_CACHED = 10_000;
/** What may be on the way to other nodes; beyond, publications to them are dropped. Bytes. */
const OUTSTANDING_MAX = 32 << 20;
/** From half of this on the way, publishers wait for nodes that make progress. Bytes. */
const WINDOW = 512 << 10;
/**
 * Another node answers late while its subscribers catch up, and is not asked any longer after
 * PEER_TIMEOUT: until then publishers are held, milliseconds.
 */
const PATIENCE = PEER_TIMEOUT + 500;
/** After so many bytes the other nodes are asked whether they have taken them. */
const ECHO_BYTES = 64 << 10;

/**
 * Publications between nodes over core NATS. Each node subscribes to the subjects of the filters
 * that it needs, so nats-server brings it only what someone there wants.
 *
 * The publications of one topic within one turn of the event loop share an envelope. NATS hands an
 * envelope over once for each subscription that matches; all but the first are dropped by number.
 */
export class Mesh implements Uplink {
  readonly counters: MeshCounters = { routedIn: 0, routedOut: 0, routeDropped: 0 };
  readonly #options: MeshOptions;
  readonly #subscriptions = new Map<string, Subscription[]>();
  /** Number of the last envelope of each node. */
  readonly #lastBatch = new Map<string, number>();
  readonly #subjects = new Map<string, string>();
  readonly #backlog: Backlog;
  /** Publications of this turn, by topic. */
  #pending = new Map<string, Message[]>();
  #pendingBytes = 0;
  #batch = Date.now() * 1_000;
  /** Bytes that other nodes have not confirmed, and those that they were not asked about. */
  #outstanding = 0;
  #unconfirmed = 0;
  #long: Subscription | undefined;

  constructor(options: MeshOptions) {
    this.#options = options;
    const elsewhere = { grace: PATIENCE, elsewhere: true };
    this.#backlog = new Backlog(options.pressure, WINDOW, elsewhere);
  }

  start(): void {
    const { bus, members, interest } = this.#options;
    this.#long = bus.subscribe(LONG_SUBJECT, (data) => this.#take(data));
    members.serve('echo', (_, message) => this.#answerEcho(message));
    members.serve('share', (data) => this.#takeShared(data));
    members.onChange((node, change) => {
      // Its next start counts from its own clock, which may be behind.
      if (change !== 'joined') this.#lastBatch.delete(node);
    });
    interest.start();
  }

  close(): void {
    this.#flush();
    this.#options.interest.close();
    this.#long?.unsubscribe();
    for (const list of this.#subscriptions.values()) for (const one of list) one.unsubscribe();
    this.#subscriptions.clear();
  }

  publish(message: Message): void {
    if (!this.#options.interest.wanted(message.topic) || !this.#admits()) return;
    if (this.#pending.size === 0) setImmediate(() => this.#flush());
    const list = this.#pending.get(message.topic);
    if (list === undefined) this.#pending.set(message.topic, [message]);
    else list.push(message);
    this.#pendingBytes += message.payloadLength;
    if (this.#pendingBytes > PENDING_MAX) this.#flush();
    // Each publisher that sends to other nodes waits for them, not only the one that filled an envelope.
    this.#backlog.update(this.#outstanding);
  }

  addInterest(filter: string): Promise<void> | undefined {
    const { bus, interest } = this.#options;
    // Known here, but its announcement may still be on the way.
    if (this.#subscriptions.has(filter)) return interest.pending;
    const subjects = subjectsOfFilter(filter);
    this.#subscriptions.set(
      filter,
      subjects.map((subject) => bus.subscribe(subject, (data) => this.#take(data))),
    );
    return interest.add(filter);
  }

  removeInterest(filter: string): void {
    for (const subscription of this.#subscriptions.get(filter) ?? []) subscription.unsubscribe();
    this.#subscriptions.delete(filter);
    this.#options.interest.remove(filter);
  }

  setShare(key: string, members: number): Promise<void> {
    return this.#options.interest.setShare(key, members);
  }

  sharesFor(topic: string): readonly RemoteShare[] | undefined {
    return this.#options.interest.sharesFor(topic);
  }

  membersElsewhere(key: string): ReadonlyMap<string, number> | undefined {
    return this.#options.interest.membersElsewhere(key);
  }

  sharedElsewhere(): Iterable<string> {
    return this.#options.interest.sharedElsewhere();
  }

  /** Key length (2) · key · envelope. */
  sendShared(node: string, key: string, message: Message): void {
    if (!this.#admits()) return;
    const { members } = this.#options;
    const head = Buffer.allocUnsafe(2 + Buffer.byteLength(key));
    head.writeUInt16BE(head.length - 2);
    head.write(key, 2, 'utf8');
    const bytes = Buffer.concat([head, encodeEnvelope(message, members.node, 0)]);
    members.tell(node, 'share', bytes);
    this.#sent(bytes.length);
  }

  /** Whether nats-server takes more; counts either way. */
  #admits(): boolean {
    if (!this.#options.bus.connected || this.#outstanding > OUTSTANDING_MAX) {
      this.counters.routeDropped++;
      return false;
    }
    this.counters.routedOut++;
    return true;
  }

  #flush(): void {
    const pending = this.#pending;
    if (pending.size === 0) return;
    this.#pending = new Map();
    this.#pendingBytes = 0;
    const { bus, members } = this.#options;
    if (!bus.connected) {
      for (const messages of pending.values()) this.counters.routeDropped += messages.length;
      return;
    }
    for (const [topic, messages] of pending) {
      const header = envelopeHeader(members.node, ++this.#batch);
      let length = header.length;
      for (const message of messages) length += recordLength(message);
      const bytes = Buffer.allocUnsafeSlow(length);
      let at = header.copy(bytes);
      for (const message of messages) at = writeRecord(bytes, message, at);
      bus.nats.publish(this.#subject(topic), bytes);
      this.#sent(length);
    }
  }

  /**
   * Asks the other nodes behind what was published, on the same path: their answers say that they
   * have taken all of that. A dead one counts as having answered after PEER_TIMEOUT.
   */
  #sent(length: number): void {
    this.#unconfirmed += length;
    if (this.#unconfirmed < ECHO_BYTES) return;
    const bytes = this.#unconfirmed;
    this.#unconfirmed = 0;
    this.#outstanding += bytes;
    this.#backlog.update(this.#outstanding);
    const read = (): void => {
      this.#outstanding -= bytes;
      this.#backlog.update(this.#outstanding);
    };
    const { members } = this.#options;
    const answers = members.peers.map((node) => members.ask(node, 'echo', NO_BYTES));
    Promise.all(answers).then(read, read);
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

  /** Answers when the subscribers here have taken what came before the question. */
  #answerEcho(message: Msg): void {
    if (this.#options.pressure.high) setTimeout(() => this.#answerEcho(message), POLL);
    else message.respond();
  }

  #takeShared(data: Buffer): void {
    const keyEnd = 2 + data.readUInt16BE(0);
    const key = data.toString('utf8', 2, keyEnd);
    const { origin, offset } = readEnvelope(data.subarray(keyEnd));
    readRecords(data, keyEnd + offset, origin, (message) => {
      this.counters.routedIn++;
      this.#options.onShared(key, message);
    });
  }
}
