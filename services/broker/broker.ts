import { type ClusterConfig, loadCluster } from '#core/config/cluster.ts';
import type { BrokerConfig } from '#core/contracts/service-config.ts';
import { describeError } from '#core/errors.ts';
import { HealthServer, type Unreadiness } from '#core/health.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Logger } from '#core/log.ts';
import { createRegistry } from '#core/metrics.ts';
import { Access } from './auth/access.ts';
import { Audit } from './auth/audit.ts';
import { Bus } from './cluster/bus.ts';
import { Interest } from './cluster/interest.ts';
import { Members } from './cluster/members.ts';
import { Mesh } from './cluster/mesh.ts';
import { Ownership } from './cluster/ownership.ts';
import { REASON } from './codec/reason.ts';
import { Connection } from './connection/connection.ts';
import type { BrokerContext, Limits } from './context.ts';
import { type Counters, createCounters } from './counters.ts';
import { Front } from './front.ts';
import { Gate } from './limits/gate.ts';
import { Pacer } from './limits/pacer.ts';
import { Listeners } from './link/listeners.ts';
import type { Transport } from './link/transport.ts';
import type { Message } from './message.ts';
import { registerMetrics } from './metrics.ts';
import { Pressure } from './router/pressure.ts';
import { Router } from './router/router.ts';
import { SessionRegistry } from './session/registry.ts';
import { brokerStatus } from './status.ts';
import { RetainedStore } from './store/retained.ts';
import { RetainedStream } from './store/retained-stream.ts';
import { SysTopics } from './sys-topics.ts';

export interface BrokerOptions {
  config: BrokerConfig;
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
  readonly retained: RetainedStore;
  readonly pressure = new Pressure();
  readonly bus: Bus | undefined;
  readonly mesh: Mesh | undefined;
  readonly members: Members | undefined;
  readonly startedAt = Date.now();
  limits: Limits;
  readonly #options: BrokerOptions;
  readonly #ownership: Ownership | undefined;
  readonly #retainedStream: RetainedStream | undefined;
  readonly #listeners: Listeners;
  readonly #health: HealthServer;
  readonly #sys: SysTopics;
  readonly #front: Front;
  #wills: Message[] = [];
  #timers: NodeJS.Timeout[] = [];
  #sequence = Date.now() * 1_000;
  #started = false;
  #closing: Promise<void> | undefined;

  constructor(options: BrokerOptions) {
    const { config, cluster, log } = options;
    this.#options = options;
    this.node = config.node;
    this.log = log;
    this.limits = cluster.mqtt.limits;
    this.audit = new Audit(log);
    this.gate = new Gate(this.limits, this.audit);
    this.pacer = new Pacer(this.limits);
    this.access = new Access(cluster.mqtt, this.audit);
    if (config.nats !== undefined) {
      const bus = new Bus({ ...config.nats, node: config.node, log });
      this.bus = bus;
      this.members = new Members(bus, config.node);
      this.mesh = new Mesh({
        bus,
        members: this.members,
        interest: new Interest({
          bus,
          members: this.members,
          filters: () => this.router.interest,
          shares: () => this.router.shares(),
        }),
        pressure: this.pressure,
        onMessage: (message) => this.router.receive(message),
        onShared: (key, message) => this.router.receiveShared(key, message),
      });
      this.#ownership = new Ownership(this.members, {
        displacedBy: (...claim) => this.sessions.displacedBy(...claim),
        export: (...claim) => this.sessions.export(...claim),
        surrender: (clientId) => this.sessions.surrender(clientId),
      });
      this.#retainedStream = new RetainedStream({
        bus,
        node: config.node,
        nodes: cluster.nodes.filter((node) => node.roles.includes('broker')).length,
        log,
        apply: (message, position) => this.retained.apply(message, position),
        replayed: (topics, position) => this.retained.replayed(topics, position),
      });
    }
    this.retained = new RetainedStore(this.limits.retained, this.#retainedStream);
    this.router = new Router({
      mayReceive: (session, topic) => session.access?.allows('read', topic) ?? false,
      uplink: this.mesh,
    });
    this.sessions = new SessionRegistry({
      limits: {
        messages: this.limits.offline,
        bytes: this.limits.queue * SESSION_BYTES_FACTOR,
      },
      counters: this.counters,
      router: this.router,
      pressure: this.pressure,
      events: { dropped: () => this.counters.dropped++ },
      publishWill: (message, clientId) => this.#publishWill(message, clientId),
      ownership: this.#ownership,
    });
    this.#listeners = new Listeners({
      config,
      mqtt: cluster.mqtt,
      door: this.gate,
      audit: this.audit,
      log,
      onTransport: (transport) => this.#accept(transport),
    });
    const registry = createRegistry({ service: 'broker', node: this.node });
    registerMetrics(registry, this);
    this.#front = new Front({
      node: this.node,
      retained: this.retained,
      deliver: (message) => this.router.receive(message),
    });
    this.#sys = new SysTopics(this, this.#front);
    this.#health = new HealthServer({
      ...config.listen.health,
      unready: () => this.unready(),
      registry,
      status: () => brokerStatus(this),
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
    const reasons: string[] = [];
    if (this.bus !== undefined && !this.bus.connected) {
      reasons.push('the nats-server of this node does not answer');
    }
    if (!this.#started) reasons.push('starting');
    return reasons;
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#health.start();
    if (this.bus !== undefined) {
      await this.bus.start(signal);
      this.mesh!.start();
      this.#ownership!.start();
      await this.members!.start();
      await this.#retainedStream!.start(signal);
    }
    await this.#listeners.start();
    this.#timers = [
      setInterval(() => this.#tick(), TICK),
      setInterval(() => this.retained.sweep(), RETAINED_SWEEP),
      setInterval(() => this.#sweepLimits(), LIMITS_SWEEP),
    ];
    await this.#front.start();
    this.#sys.start();
    this.#started = true;
  }

  accept(message: Message): Promise<void> | undefined {
    message.origin = this.node;
    message.sequence = ++this.#sequence;
    const durable = message.retain ? this.retained.store(message) : undefined;
    this.router.publish(message);
    return durable;
  }

  /**
   * Reads users, rules, limits and certificates again; connected clients stay, unless their user is
   * gone. Throws CONFIG_INVALID when something is wrong with them; all stays as it was then.
   */
  async reload(): Promise<void> {
    const cluster = loadCluster(this.#options.config.cluster);
    this.#listeners.reload(cluster.mqtt);
    this.access.replace(cluster.mqtt);
    this.limits = cluster.mqtt.limits;
    this.gate.configure(this.limits);
    this.pacer.configure(this.limits);
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
    this.mesh?.close();
    this.#ownership?.close();
    this.#retainedStream?.close();
    this.members?.close();
    await this.bus?.close();
    this.#listeners.destroy();
    await this.#health.close();
  }

  #accept(transport: Transport): void {
    if (this.#closing !== undefined) {
      transport.destroy();
      return;
    }
    const connection = new Connection(this, transport);
    this.sessions.add(connection);
    connection.start();
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of this.sessions.connections) connection.tick(now);
    this.sessions.sweep();
  }

  #sweepLimits(): void {
    this.gate.sweep();
    this.audit.sweep();
  }

  /** Wills leave on a turn of their own: their connections may end while a message is routed. */
  #publishWill(message: Message, clientId: string): void {
    message.publisher = clientId;
    if (this.#wills.push(message) === 1) setImmediate(() => this.#sendWills());
  }

  #sendWills(): void {
    const wills = this.#wills;
    this.#wills = [];
    for (const will of wills) this.#sendWill(will);
  }

  #sendWill(message: Message): void {
    const { publisher: clientId } = message;
    this.accept(message)?.catch((error: unknown) => {
      this.log.warn({ clientId, topic: message.topic }, `will: ${describeError(error)}`);
    });
  }
}
