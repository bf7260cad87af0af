import { withBridgeUser } from '#core/config/bridge-user.ts';
import { type ClusterConfig, loadCluster } from '#core/config/cluster.ts';
import type { BrokerConfig } from '#core/contracts/service-config.ts';
import { drainedBy } from '#core/drain.ts';
import { describeError } from '#core/errors.ts';
import { HealthServer, type Unreadiness } from '#core/health.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Logger } from '#core/log.ts';
import { createRegistry } from '#core/metrics.ts';
import type { Message } from '#core/mqtt/message.ts';
import { AdminApi } from './admin/admin-api.ts';
import { AdminHandler } from './admin/admin-handler.ts';
import { ADMIN, disconnectBanned } from './admin/banned.ts';
import { NodeApi } from './admin/node-api.ts';
import { TopicRates } from './admin/topic-rates.ts';
import { SAMPLE_INTERVAL } from './admin/traffic.ts';
import { Access } from './auth/access.ts';
import { Audit } from './auth/audit.ts';
import { ClusterParts } from './cluster-parts.ts';
import { REASON } from './codec/reason.ts';
import { Connection } from './connection/connection.ts';
import type { BrokerContext, Limits } from './context.ts';
import { type Counters, createCounters } from './counters.ts';
import { Evacuation } from './evacuation.ts';
import { Front } from './front.ts';
import { Intake } from './intake.ts';
import { BanGossip } from './limits/ban-gossip.ts';
import { Gate } from './limits/gate.ts';
import { Pacer } from './limits/pacer.ts';
import { Listeners } from './link/listeners.ts';
import type { Transport } from './link/transport.ts';
import { MemoryLog } from './log/memory-log.ts';
import type { MessageLog, Receipt } from './log/message-log.ts';
import { registerMetrics } from './metrics.ts';
import { Pressure } from './router/pressure.ts';
import { Router } from './router/router.ts';
import { SessionRegistry } from './session/registry.ts';
import { GroupKeeper } from './sharing/keeper.ts';
import { brokerStatus } from './status.ts';
import { RetainedStore } from './store/retained.ts';
import { SysTopics } from './sys-topics.ts';
import { NodeMetrics } from './workers/node-metrics.ts';
import { NodeStatus } from './workers/node-status.ts';
import { Siblings } from './workers/siblings.ts';

export interface BrokerOptions {
  config: BrokerConfig;
  /** Other workers listen on the same ports. */
  shared?: boolean;
  cluster: ClusterConfig;
  log: Logger;
}

/** Keep alive, session expiry, wills: resolution, milliseconds. */
const TICK = 500;
/** Retained messages are searched for expired ones this often, milliseconds. */
const RETAINED_SWEEP = 30_000;
/** What the limits remember of those who have gone is looked through this often, milliseconds. */
const LIMITS_SWEEP = 5_000;
/** What may wait for one session, as a multiple of what may wait for one socket. */
const SESSION_BYTES_FACTOR = 16;
/** At the end, connections closed in one turn of the event loop. */
const CLOSED_AT_ONCE = 500;

/** One node's broker: it owns the parts, starts them in order and closes them in the other. */
export class Broker implements Service, BrokerContext {
  readonly node: string;
  readonly log: Logger;
  readonly counters: Counters = createCounters();
  readonly access: Access;
  readonly audit: Audit;
  readonly gate: Gate;
  readonly pacer: Pacer;
  readonly router: Router;
  readonly sessions: SessionRegistry;
  readonly groups: GroupKeeper;
  readonly retained: RetainedStore;
  readonly pressure = new Pressure();
  /** The rest of the cluster; undefined for a broker that is alone. */
  readonly cluster: ClusterParts | undefined;
  readonly messages: MessageLog;
  readonly startedAt = Date.now();
  /** The busiest topics of what this node's clients publish. */
  readonly topics = new TopicRates();
  limits: Limits;
  readonly #options: BrokerOptions;

  readonly #intake: Intake;
  readonly #listeners: Listeners;
  readonly #health: HealthServer;
  readonly #sys: SysTopics;
  readonly #front: Front;
  readonly #siblings: Siblings;
  #timers: NodeJS.Timeout[] = [];
  readonly #evacuation: Evacuation<Connection>;
  /** Who wants no clients here: see core/drain.ts. */
  #drainers: readonly string[] = [];
  #started = false;
  #closing: Promise<void> | undefined;

  constructor(options: BrokerOptions) {
    const { config, cluster, log, shared = false } = options;
    this.#options = options;
    this.#siblings = new Siblings(config.listen.health.host, config.workerHealth ?? []);
    this.node = config.node;
    this.log = log;
    this.limits = cluster.mqtt.limits;
    this.audit = new Audit(log);
    this.gate = new Gate(this.limits, this.audit);
    this.pacer = new Pacer(this.limits);
    this.access = new Access(withBridgeUser(cluster), this.audit);
    if (config.nats !== undefined) {
      this.cluster = new ClusterParts({
        nats: config.nats,
        node: config.node,
        cluster,
        log,
        pressure: this.pressure,
        router: () => this.router,
        sessions: () => this.sessions,
        retained: () => this.retained,
        onLogged: (message) => this.#intake.logged(message),
        publishWill: (message, clientId) => this.#intake.publishWillDurably(message, clientId),
        onLost: (clientId, messages) => this.#lost(clientId, messages),
        onExpired: () => {
          this.counters.expired++;
        },
        onUnsaved: (clientId, error) => this.#unsaved(clientId, error),
        groups: () => this.groups,
        onCutOff: (reason) => this.#shed(reason),
      });
    }
    this.messages =
      this.cluster?.messages ??
      new MemoryLog({
        messages: this.limits.offline,
        bytes: this.limits.queue * SESSION_BYTES_FACTOR,
        onMessage: (message) => this.#intake.logged(message),
        floor: () => this.sessions.floor(1, this.groups.sessions)[0]!,
      });
    this.retained = new RetainedStore(this.limits.retained, this.cluster?.retained);
    this.retained.payloadLimit = this.limits.retainedPayload ?? Number.POSITIVE_INFINITY;
    this.router = new Router({
      mayReceive: (session, topic) => session.access?.allows('read', topic) ?? false,
      uplink: this.cluster?.mesh,
    });
    this.#intake = new Intake({
      node: config.node,
      log,
      messages: () => this.messages,
      retained: this.retained,
      router: this.router,
    });
    this.sessions = new SessionRegistry({
      limits: {
        messages: this.limits.offline,
        bytes: this.limits.queue * SESSION_BYTES_FACTOR,
      },
      counters: this.counters,
      router: this.router,
      pressure: this.pressure,
      log: {
        log: this.messages,
        targetFor: (session, topic) => this.router.targetFor(session, topic),
        isDropped: (message) => this.cluster?.fences.wasDropped(message) ?? false,
      },
      events: {
        dropped: (_, _why, count = 1) => {
          this.counters.dropped += count;
        },
      },
      publishWill: (message, clientId) => this.#intake.publishWill(message, clientId),
      cluster: this.cluster,
    });
    this.groups = new GroupKeeper({
      router: this.router,
      log,
      newSession: (clientId) => this.sessions.createSession(clientId),
      cluster: this.cluster?.sharing,
    });
    this.#listeners = new Listeners({
      config,
      mqtt: cluster.mqtt,
      door: this.gate,
      audit: this.audit,
      log,
      shared,
      onTransport: (transport) => this.#accept(transport),
    });
    this.#evacuation = new Evacuation({
      connections: () => this.sessions.connections,
      send: (connection) => connection.disconnect(REASON.SERVER_SHUTTING_DOWN, 'shutdown'),
      log,
    });
    const registry = createRegistry({ service: 'broker', node: this.node });
    registerMetrics(registry, this);
    this.#front = new Front({
      node: this.node,
      retained: this.retained,
      deliver: (message) => this.router.receive(message),
    });
    this.#sys = new SysTopics(this, this.#front);
    const siblings = this.#siblings;
    const token = config.admin?.token;
    const own = new AdminApi(this, { siblings: siblings.count > 0 });
    const admin = new AdminHandler({
      api: new NodeApi({ own, siblings, token }),
      token,
      audit: this.audit,
      log,
    });
    const status = new NodeStatus(siblings, () => brokerStatus(this));
    this.#health = new HealthServer({
      ...config.listen.health,
      unready: () => this.unready(),
      registry: new NodeMetrics(siblings, registry),
      status: () => status.get(),
      admin: (request, response) => admin.handle(request, response),
    });
  }

  get full(): boolean {
    return this.sessions.connected >= this.limits.connections;
  }

  /** Ports in use, where the configuration left the choice to the system. */
  get ports(): Listeners['ports'] {
    return this.#listeners.ports;
  }

  unready(): Unreadiness {
    if (this.#closing !== undefined) return ['shutting down'];
    const reasons = [...(this.cluster?.unready() ?? [])];
    if (!this.#started) reasons.push('starting');
    for (const who of this.#drainers) reasons.push(`drained by ${who}`);
    return [...reasons, ...this.#siblings.unready];
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#health.start();
    await this.cluster?.start(signal);
    this.groups.start();
    if (this.cluster !== undefined) new BanGossip(this.gate.bans, this.cluster.bus).start();
    this.gate.bans.onHeard = (ban) => {
      // One that imposed itself is about its next connection; whom somebody bans is to go.
      if (ban.by === ADMIN) disconnectBanned(this.sessions, ban);
    };
    this.#lookForDrain(performance.now());
    await this.#listeners.start();
    this.#timers = [
      setInterval(() => this.#tick(), TICK),
      setInterval(() => this.retained.sweep(), RETAINED_SWEEP),
      setInterval(() => this.#sweepLimits(), LIMITS_SWEEP),
      setInterval(() => this.#sampleTraffic(), SAMPLE_INTERVAL),
    ];
    await this.#front.start();
    this.#sys.start();
    this.#siblings.start();
    this.#started = true;
  }

  accept(message: Message, receipt: Receipt | undefined): void {
    this.topics.count(message.topic, message.payloadLength);
    this.#intake.accept(message, receipt);
  }

  logRelief(): Promise<void> | undefined {
    return this.#intake.logRelief();
  }

  /**
   * Reads users, rules, limits and certificates again; connected clients stay, unless their user is
   * gone. Throws CONFIG_INVALID when something is wrong with them; all stays as it was then.
   */
  async reload(): Promise<void> {
    const cluster = loadCluster(this.#options.config.cluster);
    this.#listeners.reload(cluster.mqtt);
    this.access.replace(withBridgeUser(cluster));
    this.limits = cluster.mqtt.limits;
    this.gate.configure(this.limits);
    this.pacer.configure(this.limits);
    this.cluster?.configure(cluster);
    this.retained.limit = this.limits.retained;
    this.retained.payloadLimit = this.limits.retainedPayload ?? Number.POSITIVE_INFINITY;
    for (const session of this.sessions.sessions) {
      session.access = this.access.listFor(session.user, session.clientId);
    }
    for (const connection of [...this.sessions.connections]) {
      if (connection.state !== 'open') continue;
      if (this.access.knows(connection.user)) {
        const { user, clientId, transport } = connection;
        connection.access = this.access.listFor(user, clientId, transport.remoteAddress);
      } else {
        connection.disconnect(REASON.NOT_AUTHORIZED, 'kicked');
      }
    }
    this.router.invalidate();
    this.log.info('users, access rules, limits and certificates reloaded');
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  destroy(): void {
    this.#listeners.destroy();
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#sys.close();
    this.#siblings.close();
    await this.#front.close();
    await this.#listeners.close();
    this.pacer.close();
    let closed = 0;
    for (const connection of [...this.sessions.connections]) {
      connection.disconnect(REASON.SERVER_SHUTTING_DOWN, 'shutdown');
      if (++closed % CLOSED_AT_ONCE === 0) await new Promise((go) => setImmediate(go));
    }
    // The last writes and wills leave with this turn of the event loop.
    await new Promise((go) => setTimeout(go, 50));
    await this.groups.close();
    await this.cluster?.close();
    this.#listeners.destroy();
    await this.#health.close();
  }

  #accept(transport: Transport): void {
    if (this.#closing !== undefined) {
      transport.destroy();
      return;
    }
    this.counters.accepted++;
    const connection = new Connection(this, transport);
    this.sessions.add(connection);
    connection.start();
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of this.sessions.connections) connection.tick(now);
    this.sessions.sweep();
    this.#lookForDrain(now);
  }

  #lookForDrain(now: number): void {
    const { drain } = this.#options.config;
    if (drain === undefined) return;
    try {
      this.#drainers = drainedBy(drain);
    } catch (error) {
      // Who cannot be heard is taken to want what it wanted before.
      this.log.warn({ drain }, `cannot see whether this node is drained: ${describeError(error)}`);
    }
    this.#evacuation.tick(now, this.#drainers);
  }

  #sampleTraffic(): void {
    for (const { traffic, transport } of this.sessions.connections) {
      traffic.sample(SAMPLE_INTERVAL / 1000, transport.bytesOut);
    }
    this.topics.turn();
  }

  #sweepLimits(): void {
    this.gate.sweep();
    this.audit.sweep();
  }

  #lost(clientId: string, messages: number): void {
    this.counters.dropped += messages;
    this.log.warn({ clientId, messages }, 'messages of a session are gone from the log');
  }

  #unsaved(clientId: string, error: unknown): void {
    this.log.error({ clientId }, `a session cannot be saved: ${describeError(error)}`);
    const { outlet } = this.sessions.session(clientId) ?? {};
    if (outlet instanceof Connection) outlet.disconnect(REASON.SERVER_BUSY, 'shutdown');
  }

  /** The others go on without this node, and its clients can too, if it lets go of them. */
  #shed(reason: string): void {
    const { connections } = this.sessions;
    this.log.error({ connections: connections.size }, `clients are sent away: ${reason}`);
    for (const connection of [...connections]) {
      // Whoever looks after orphans sends the will, unless the client has come back elsewhere.
      connection.will = undefined;
      connection.disconnect(REASON.SERVER_BUSY, 'shutdown');
    }
  }
}
