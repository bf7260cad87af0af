import type { ClusterConfig } from '#core/config/cluster.ts';
import { BRIDGE_STREAM } from '#core/contracts/bridge.ts';
import type { BrokerConfig } from '#core/contracts/service-config.ts';
import { nodeOfWorker } from '#core/contracts/workers.ts';
import type { Unreadiness } from '#core/health.ts';
import { Bus } from '#core/jetstream/bus.ts';
import { registerStreams } from '#core/jetstream/register-store.ts';
import { quorumLoss } from '#core/jetstream/stream-plan.ts';
import type { Logger } from '#core/log.ts';
import { Fences } from '#core/message-log/fences.ts';
import type { Message } from '#core/mqtt/message.ts';
import { bounded } from './cluster/bounded.ts';
import { engineGuards, type Guard } from './cluster/guards.ts';
import { Interest } from './cluster/interest.ts';
import { Members } from './cluster/members.ts';
import { Mesh } from './cluster/mesh.ts';
import { Ownership } from './cluster/ownership.ts';
import { Recovery } from './cluster/recovery.ts';
import { LogHolds } from './log/holds.ts';
import { JetStreamLog } from './log/jetstream-log.ts';
import type { Receipt } from './log/message-log.ts';
import type { Pressure } from './router/pressure.ts';
import type { Router } from './router/router.ts';
import { Caretaker } from './session/caretaker.ts';
import type { SessionRegistry } from './session/registry.ts';
import { NEVER } from './session/session.ts';
import { SessionVault } from './session/vault.ts';
import { Dispatch } from './sharing/dispatch.ts';
import { isGroupId } from './sharing/group-id.ts';
import type { GroupKeeper, SharingCluster } from './sharing/keeper.ts';
import { Adoption } from './store/adoption.ts';
import type { RetainedStore } from './store/retained.ts';
import { RETAINED_STREAM, RetainedStream } from './store/retained-stream.ts';
import { SessionIndex } from './store/session-index.ts';
import { SESSION_SHARDS, SessionStore, sessionStream } from './store/session-store.ts';
import { SessionSweep } from './store/session-sweep.ts';
import { StreamCare } from './store/stream-care.ts';

export interface ClusterPartsOptions {
  nats: NonNullable<BrokerConfig['nats']>;
  node: string;
  cluster: ClusterConfig;
  log: Logger;
  pressure: Pressure;
  router: () => Router;
  sessions: () => SessionRegistry;
  retained: () => RetainedStore;
  /** Takes each message of the log, in the order of its topic. */
  onLogged: (message: Message) => void;
  /** Resolves when the will is durable. */
  publishWill: (message: Message, clientId: string) => Promise<void>;
  onLost: (clientId: string, messages: number) => void;
  onExpired: () => void;
  /** The session cannot be saved any more: its connection must go. */
  onUnsaved: (clientId: string, error: unknown) => void;
  groups: () => GroupKeeper;
  /** This node is cut off: its clients are better served elsewhere. */
  onCutOff: (reason: string) => void;
}

/** So long may a node be without its nats-server or without a quorum before it sheds, ms. */
const CUT_OFF = 2_500;
/** Below the log's floor records go; asked this often, milliseconds. */
const TRIM_INTERVAL = 30_000;
/** A node in a cluster of so many assumes that the others go on when it is cut off. */
const MAJORITY_ELSEWHERE = 3;

const NOBODY: Receipt = { settle: () => {} };

/** Everything of a broker that is there because of the other nodes. */
export class ClusterParts {
  readonly bus: Bus;
  readonly members: Members;
  readonly mesh: Mesh;
  readonly messages: JetStreamLog;
  readonly ownership: Ownership;
  readonly retained: RetainedStream;
  readonly store: SessionStore;
  readonly index: SessionIndex;
  readonly vault: SessionVault;
  readonly fences = new Fences();
  readonly sharing: SharingCluster;
  readonly #dispatch: Dispatch;
  readonly #caretaker: Caretaker;
  readonly #sweep: SessionSweep;
  readonly #recovery: Recovery;
  readonly #care: StreamCare;
  readonly #guards: readonly Guard[];
  readonly #adoption: Adoption | undefined;
  readonly #options: ClusterPartsOptions;
  readonly #holds: LogHolds;
  #nodes: number;
  /** Their processes. */
  #brokers: number;
  /** Of the bridge, which read the log too. */
  #mappings: readonly string[];
  #timers: NodeJS.Timeout[] = [];
  #cutOffSince = 0;
  #shed = false;

  constructor(options: ClusterPartsOptions) {
    const { nats, node, cluster, log } = options;
    this.#options = options;
    this.#nodes = nodesOf(cluster);
    this.#brokers = this.#nodes * cluster.mqtt.workers;
    this.#mappings = mappingsOf(cluster);
    const { monitor, url, user, password } = nats;
    const bus = new Bus({ url, user, password, name: `broker-${node}`, log });
    const members = new Members(bus, node);
    this.#guards = engineGuards({ bus, nats, node, members, nodes: () => this.#nodes, log });
    this.bus = bus;
    this.#holds = new LogHolds(bus, () => this.#mappings);
    this.members = members;
    if (monitor !== undefined) {
      const brokers = (): number => this.#brokers;
      const here = nodeOfWorker(node);
      this.#adoption = new Adoption({ bus, members, node: here, monitor, brokers, log });
    }
    this.mesh = new Mesh({
      bus,
      members,
      interest: new Interest({
        bus,
        members,
        filters: () => options.router().interest,
        shares: () => options.router().shares(),
      }),
      pressure: options.pressure,
      onMessage: (message) => options.router().receive(message),
      onShared: (key, message) => options.router().receiveShared(key, message),
    });
    this.messages = new JetStreamLog({
      bus,
      members,
      nodes: () => this.#nodes,
      keep: cluster.mqtt.log,
      room: () => members.fullMachines < quorumLoss(this.#nodes),
      log,
      onMessage: (message) => {
        if (this.fences.admits(message)) options.onLogged(message);
      },
    });
    this.retained = new RetainedStream({
      bus,
      node,
      nodes: () => this.#nodes,
      log,
      messages: () => this.messages,
      onDuty: () => bus.connected && members.isFirst,
      apply: (message, position) => options.retained().apply(message, position),
      replayed: (topics, position) => options.retained().replayed(topics, position),
    });
    this.store = new SessionStore({ bus, node, nodes: () => this.#nodes, log });
    this.index = new SessionIndex({
      bus,
      log,
      onChange: (clientId, session) => this.vault.changed(clientId, session),
    });
    this.vault = new SessionVault({
      store: this.store,
      index: this.index,
      log: this.messages,
      owner: members.self,
      newSession: (clientId) => options.sessions().createSession(clientId),
      retained: (topic) => options.retained().get(topic),
      fence: (fence) =>
        this.fences.raise(fence, (message) => this.messages.append(message, NOBODY)),
      isDropped: (message) => this.fences.wasDropped(message),
      publishWill: (message, clientId) => {
        options.publishWill(message, clientId).catch((error: unknown) => {
          log.warn({ clientId, topic: message.topic, err: error }, 'a will is not published');
        });
      },
      connected: () => bus.connected,
      reconnected: () => new Promise((resolve) => bus.once('up', resolve)),
      onFenced: (clientId, epoch) => {
        if (isGroupId(clientId)) options.groups().fenced(clientId);
        else options.sessions().fenced(clientId, epoch);
      },
      onFailed: options.onUnsaved,
      onLost: options.onLost,
    });
    this.ownership = new Ownership(members, {
      displacedBy: (...claim) => options.sessions().displacedBy(...claim),
      settled: (clientId) => this.vault.settled(clientId),
      claims: () => options.sessions().claims(),
    });
    this.#dispatch = new Dispatch({
      members,
      give: (key, message, told) => options.router().giveShared(key, message, told),
      onAnswer: (...answer) => options.groups().answered(...answer),
    });
    this.sharing = {
      node,
      get peers() {
        return members.peers;
      },
      ownerOf: (groupId) => this.#ownerOf(groupId),
      take: async (clientId) => {
        const epoch = this.ownership.nextEpoch();
        const stored = { clientId, user: '', will: undefined, known: true };
        const claim = { epoch, cleanStart: false, expiry: NEVER };
        return (await this.vault.take({ ...stored, ...claim }))?.session;
      },
      release: (session) => this.vault.release(session, { will: undefined, cause: 'client' }),
      isWanted: (key) => this.index.shares(key),
      ask: async (peer, key) => (await members.ask(peer, 'share-keep', key))?.toString() === 'yes',
      send: (...shared) => this.#dispatch.send(...shared),
    };
    this.#recovery = new Recovery({
      log,
      check: async () => {
        await Promise.all([this.messages.check(), this.store.check()]);
      },
    });
    this.#caretaker = new Caretaker({
      store: this.store,
      index: this.index,
      log,
      owner: members.self,
      onDuty: () => bus.connected && members.isFirst,
      alive: (owner) => members.isAlive(owner),
      publishWill: options.publishWill,
      onExpired: options.onExpired,
    });
    this.#sweep = new SessionSweep({
      store: this.store,
      index: this.index,
      log,
      onDuty: () => bus.connected && members.isFirst,
    });
    this.#care = new StreamCare({
      bus,
      families: [
        this.messages.streams,
        { names: Array.from({ length: SESSION_SHARDS }, (_, shard) => sessionStream(shard)) },
        { names: [RETAINED_STREAM] },
        { names: registerStreams(BRIDGE_STREAM), optional: true },
      ],
      nodes: () => this.#nodes,
      responsible: () => members.isFirst,
      log,
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.bus.start(signal);
    for (const guard of this.#guards) guard.start();
    this.mesh.start();
    this.ownership.start();
    await this.members.start();
    await this.#adoption?.run(signal);
    await this.store.start(signal);
    await Promise.all([
      this.retained.start(signal),
      this.messages.start(signal),
      this.index.start(signal),
    ]);
    const retained = this.#options.retained();
    await this.retained.recall(
      (topic) => retained.get(topic),
      (message) => retained.take(message),
    );
    await this.#care.start();
    this.vault.start();
    this.#caretaker.start();
    this.#sweep.start();
    this.bus.on('up', () => this.#caretaker.rest());
    this.#timers = [
      setInterval(() => this.#watch(), 250),
      setInterval(() => {
        this.#trim().catch((error: unknown) => {
          this.#options.log.debug({ err: error }, 'the log is trimmed later');
        });
      }, TRIM_INTERVAL),
    ];
    this.#dispatch.start();
    this.members.serve('share-keep', (data, message) => {
      void this.#options
        .groups()
        .serve(data.toString())
        .then((kept) => message.respond(kept ? 'yes' : 'no'));
    });
    this.members.onChange((node, change) => {
      if (change !== 'joined') this.#options.groups().nodeLost(node);
    });
    this.bus.on('up', () => {
      for (const node of this.members.peers) this.#options.groups().nodeLost(node);
    });
    this.members.serve('floor', (_, message) => message.respond(JSON.stringify(this.#floor())));
  }

  /** Takes over how many nodes there are and what the log keeps; the streams follow. */
  configure(cluster: ClusterConfig): void {
    this.#nodes = nodesOf(cluster);
    this.#brokers = this.#nodes * cluster.mqtt.workers;
    this.#mappings = mappingsOf(cluster);
    this.messages.configure(cluster.mqtt.log);
    this.#care.hurry();
  }

  /** Why this node should get no clients now. */
  unready(): Unreadiness {
    if (!this.bus.connected) return ['the nats-server of this node does not answer'];
    if (this.#isolated) return ['this node is cut off from the others: no quorum'];
    const unheard = this.#guards.flatMap(({ unready }) => unready ?? []);
    if (unheard.length > 0) return unheard;
    return this.#recovery.active ? ['this node catches up with the others'] : [];
  }

  /** After the connections are closed: what they left is stored before the link goes. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const guard of this.#guards) guard.close();
    this.#caretaker.close();
    this.#sweep.close();
    this.#recovery.close();
    this.#care.close();
    await bounded(this.vault.close());
    this.mesh.close();
    this.retained.close();
    await this.messages.close();
    this.index.close();
    this.store.close();
    this.members.close();
    await this.bus.close();
  }

  /** Node of the living broker that has the group's session. */
  #ownerOf(groupId: string): string | undefined {
    const meta = this.index.get(groupId)?.meta;
    if (meta?.connected !== true || !this.members.isAlive(meta.owner)) return undefined;
    return meta.owner.slice(0, meta.owner.lastIndexOf('#'));
  }

  /** Nothing can be written and nobody else is heard of, though there should be a majority. */
  get #isolated(): boolean {
    if (this.#nodes < MAJORITY_ELSEWHERE || this.messages.writable) return false;
    const here = nodeOfWorker(this.#options.node);
    return this.members.peers.every((peer) => nodeOfWorker(peer) === here);
  }

  #watch(): void {
    const cutOff = !this.bus.connected || this.#isolated;
    // With fewer nodes there may be nobody to catch up with, and QoS 0 goes on.
    if (cutOff && this.#nodes >= MAJORITY_ELSEWHERE) this.#recovery.begin();
    if (!cutOff) {
      this.#cutOffSince = 0;
      this.#shed = false;
      return;
    }
    const now = performance.now();
    if (this.#cutOffSince === 0) this.#cutOffSince = now;
    // The link's own probes have taken two seconds already.
    const patience = this.bus.connected ? CUT_OFF : 0;
    if (this.#shed || now - this.#cutOffSince < patience || this.#nodes === 1) return;
    this.#shed = true;
    this.#options.onCutOff(this.unready()[0] ?? 'cut off');
    // Their clients publish again, elsewhere, what was not acknowledged here.
    this.messages.abandon();
  }

  /** What no session of any node needs any more leaves the log. */
  async #trim(): Promise<void> {
    const { members, bus } = this;
    if (!bus.connected || !members.isFirst || members.peers.length < this.#brokers - 1) return;
    const floors = [this.#floor()];
    for (const peer of members.peers) {
      const answer = await members.ask(peer, 'floor', '');
      if (answer === undefined) return;
      floors.push(JSON.parse(answer.toString()) as number[]);
    }
    const away = await this.vault.awayFloor((owner) => members.isAlive(owner));
    if (away === undefined) return;
    floors.push(away);
    if (this.retained.floor !== undefined) floors.push(this.retained.floor);
    const held = await this.#holds.floor();
    if (held.length > 0) floors.push(held);
    const { shards } = this.messages;
    const floor = Array.from({ length: shards }, (_, shard) =>
      Math.min(...floors.map((one) => one[shard] ?? 0)),
    );
    await this.messages.trim(floor);
  }

  /** The first record of each shard that this node still needs. */
  #floor(): number[] {
    const behind = this.#options.sessions().floor(this.messages.shards);
    return this.vault.heldFloor().map((sequence, shard) => Math.min(sequence, behind[shard] ?? 0));
  }
}

function nodesOf({ nodes }: ClusterConfig): number {
  return nodes.filter(({ roles }) => roles.includes('broker')).length;
}

function mappingsOf({ bridge }: ClusterConfig): string[] {
  return bridge?.toKafka.map(({ name }) => name) ?? [];
}
