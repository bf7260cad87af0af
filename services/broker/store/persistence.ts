import { Readable } from 'node:stream';
import { Message, NO_BYTES, type Qos } from '#core/mqtt/message.ts';
import { SubscriptionTrie } from '../router/trie.ts';
import type { RetainedStore } from './retained.ts';

/** A packet as aedes hands it over (aedes-packet). */
export interface StoredPacket {
  cmd: string;
  topic: string;
  payload: Buffer | string;
  qos: Qos;
  retain: boolean;
  dup?: boolean;
  brokerId?: string;
  brokerCounter?: number;
  messageId?: number | undefined;
  clientId?: string;
  [key: string]: unknown;
}

export interface StoredSubscription {
  topic: string;
  qos: Qos;
  rh?: number;
  rap?: boolean;
  nl?: boolean;
  subscriptionIdentifier?: number;
}

interface ClientRef {
  id: string;
}

interface MatchedSubscription extends StoredSubscription {
  clientId: string;
}

/**
 * The persistence that aedes wants (aedes-persistence's interface and contract). Retained messages
 * are the broker's own, shared with every node. Queues, QoS 2 state and wills are those of clients
 * that aedes itself handles: in memory, and gone with the process.
 */
export class AedesPersistence {
  readonly #retained: RetainedStore;
  /** The packet behind a message that aedes stored, with all its fields. */
  readonly #packets = new WeakMap<Message, StoredPacket>();
  readonly #subscriptions = new Map<string, Map<string, StoredSubscription>>();
  readonly #trie = new SubscriptionTrie<string, MatchedSubscription>({ wildcardsSeeDollar: true });
  readonly #outgoing = new Map<string, StoredPacket[]>();
  readonly #incoming = new Map<string, Map<number, StoredPacket>>();
  readonly #wills = new Map<string, StoredPacket>();
  broker: { id: string } | undefined;

  constructor(retained: RetainedStore) {
    this.#retained = retained;
  }

  async setup(broker: { id: string }): Promise<void> {
    this.broker = broker;
  }

  /** `$SYS` of the node stays on the node; everything else goes to the cluster's store. */
  async storeRetained(packet: StoredPacket): Promise<void> {
    const { topic, qos, payload } = packet;
    const message = new Message(topic, qos, true, Buffer.from(payload as string), NO_BYTES);
    this.#packets.set(message, { ...packet });
    if (topic.startsWith('$SYS/')) this.#retained.storeLocal(message);
    else this.#retained.take(message);
  }

  createRetainedStream(pattern: string): Readable {
    return this.createRetainedStreamCombi([pattern]);
  }

  createRetainedStreamCombi(patterns: readonly string[]): Readable {
    return Readable.from(this.#retainedPackets(patterns));
  }

  async addSubscriptions(client: ClientRef, subs: readonly StoredSubscription[]): Promise<void> {
    let stored = this.#subscriptions.get(client.id);
    if (stored === undefined) {
      stored = new Map();
      this.#subscriptions.set(client.id, stored);
    }
    for (const { topic, qos, rh, rap, nl, subscriptionIdentifier } of subs) {
      const options = { qos, rh, rap, nl } as StoredSubscription;
      const id = subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier };
      stored.set(topic, { ...options, topic, ...id });
      if (qos > 0) this.#trie.set(topic, client.id, { clientId: client.id, ...options, topic });
      else this.#trie.delete(topic, client.id);
    }
  }

  async removeSubscriptions(client: ClientRef, topics: readonly string[]): Promise<void> {
    const stored = this.#subscriptions.get(client.id);
    for (const topic of topics) {
      stored?.delete(topic);
      this.#trie.delete(topic, client.id);
    }
    if (stored?.size === 0) this.#subscriptions.delete(client.id);
  }

  async subscriptionsByClient(client: ClientRef): Promise<StoredSubscription[]> {
    return [...(this.#subscriptions.get(client.id)?.values() ?? [])].map((sub) => ({ ...sub }));
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    return { subsCount: this.#trie.size, clientsCount: this.#subscriptions.size };
  }

  async subscriptionsByTopic(topic: string): Promise<MatchedSubscription[]> {
    const found: MatchedSubscription[] = [];
    this.#trie.match(topic, (_, subscription) => found.push({ ...subscription }));
    return found;
  }

  async cleanSubscriptions(client: ClientRef): Promise<void> {
    const topics = [...(this.#subscriptions.get(client.id)?.keys() ?? [])];
    await this.removeSubscriptions(client, topics);
  }

  async outgoingEnqueue(sub: { clientId: string }, packet: StoredPacket): Promise<void> {
    this.#queueOf(sub.clientId).push(copyPacket(packet));
  }

  async outgoingEnqueueCombi(
    subs: readonly { clientId: string }[],
    packet: StoredPacket,
  ): Promise<void> {
    for (const sub of subs) this.#queueOf(sub.clientId).push(copyPacket(packet));
  }

  /** Gives a queued packet its identifier, or replaces it by its PUBREL. */
  async outgoingUpdate(client: ClientRef, packet: StoredPacket): Promise<void> {
    const queue = this.#queueOf(client.id);
    for (const [index, queued] of queue.entries()) {
      if (queued.brokerId === packet.brokerId) {
        if (queued.brokerCounter !== packet.brokerCounter) continue;
        queued.messageId = packet.messageId;
        return;
      }
      if (queued.messageId !== packet.messageId) continue;
      queue[index] = packet;
      return;
    }
    throw new Error('no such packet');
  }

  async outgoingClearMessageId(
    client: ClientRef,
    packet: { messageId?: number | undefined },
  ): Promise<StoredPacket | undefined> {
    const queue = this.#queueOf(client.id);
    const index = queue.findIndex((queued) => queued.messageId === packet.messageId);
    return index < 0 ? undefined : queue.splice(index, 1)[0];
  }

  outgoingStream(client: ClientRef): Readable {
    return Readable.from([...(this.#outgoing.get(client.id) ?? [])]);
  }

  async incomingStorePacket(client: ClientRef, packet: StoredPacket): Promise<void> {
    let stored = this.#incoming.get(client.id);
    if (stored === undefined) {
      stored = new Map();
      this.#incoming.set(client.id, stored);
    }
    const messageId = packet.messageId!;
    stored.set(messageId, { ...copyPacket(packet), messageId });
  }

  async incomingGetPacket(client: ClientRef, packet: { messageId: number }): Promise<StoredPacket> {
    const stored = this.#incoming.get(client.id)?.get(packet.messageId);
    if (stored === undefined) throw new Error('no such packet');
    return stored;
  }

  async incomingDelPacket(client: ClientRef, packet: { messageId: number }): Promise<void> {
    if (!this.#incoming.get(client.id)?.delete(packet.messageId)) throw new Error('no such packet');
  }

  async putWill(client: ClientRef, packet: StoredPacket): Promise<void> {
    packet.brokerId = this.broker!.id;
    packet.clientId = client.id;
    this.#wills.set(client.id, packet);
  }

  async getWill(client: ClientRef): Promise<StoredPacket | undefined> {
    return this.#wills.get(client.id);
  }

  async delWill(client: ClientRef): Promise<StoredPacket | undefined> {
    const will = this.#wills.get(client.id);
    this.#wills.delete(client.id);
    return will;
  }

  /** The wills of brokers that are not among those that are alive. */
  streamWill(alive: Record<string, unknown> = {}): Readable {
    return Readable.from([...this.#wills.values()].filter((will) => !alive[will.brokerId ?? '']));
  }

  getClientList(topic: string): Readable {
    const clients = [...this.#subscriptions].filter(([, topics]) => topics.has(topic));
    return Readable.from(clients.map(([clientId]) => clientId));
  }

  async destroy(): Promise<void> {
    this.#subscriptions.clear();
    this.#outgoing.clear();
    this.#incoming.clear();
    this.#wills.clear();
  }

  *#retainedPackets(patterns: readonly string[]): Generator<StoredPacket> {
    for (const pattern of patterns) {
      for (const message of this.#retained.match(pattern)) {
        const { topic, payload, qos } = message;
        yield this.#packets.get(message) ?? { cmd: 'publish', topic, payload, qos, retain: true };
      }
    }
  }

  #queueOf(clientId: string): StoredPacket[] {
    let queue = this.#outgoing.get(clientId);
    if (queue === undefined) {
      queue = [];
      this.#outgoing.set(clientId, queue);
    }
    return queue;
  }
}

/** As aedes-packet copies: what is stored is nobody else's object, and has no identifier yet. */
function copyPacket(packet: StoredPacket): StoredPacket {
  const { properties, messageExpiry, clientId, nl } = packet;
  return {
    ...(clientId === undefined ? {} : { clientId }),
    ...(nl === undefined ? {} : { nl }),
    ...(properties === undefined ? {} : { properties }),
    ...(messageExpiry === undefined ? {} : { messageExpiry }),
    cmd: packet.cmd,
    brokerId: packet.brokerId!,
    brokerCounter: packet.brokerCounter ?? 0,
    topic: packet.topic,
    payload: packet.payload,
    qos: packet.qos,
    retain: packet.retain,
    dup: packet.dup ?? false,
    messageId: undefined,
  };
}
