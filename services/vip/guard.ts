import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { VipConfig } from '#core/contracts/service-config.ts';
import type { VipStatus } from '#core/contracts/status.ts';
import { drainedBy } from '#core/drain.ts';
import { describeError } from '#core/errors.ts';
import { HealthServer } from '#core/health.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Logger } from '#core/log.ts';
import { processPart } from '#core/process-part.ts';
import { readCards } from './cards.ts';
import { Gateway, routerOfThisMachine } from './gateway.ts';
import { decodeHeartbeat, encodeHeartbeat } from './heartbeat.ts';
import { judge, Verdict } from './judge.ts';
import { createVipRegistry } from './metrics.ts';
import { Peers } from './peers.ts';
import { Sender } from './sender.ts';
import { Serving } from './serving.ts';

/** How long all must be well before this node may have the addresses, milliseconds. */
const SETTLE = 1_000;
/** How long after its start it leaves addresses that prefer another node to that one, milliseconds. */
const YIELD = 3_000;
/** Between two looks at what changes rarely: this machine's addresses, who drains it. */
const LOOK = 500;
/** Between two attempts to find the network card at the start. */
const FIND_CARD = 250;
/** How often that is said in the log. */
const SAY_AGAIN = 60_000;
/** Judged this many times between two heartbeats. */
const JUDGED = 2;
const INCARNATION = 8;

/**
 * Decides whether this node may have the virtual addresses, and tells keepalived by two files that
 * it watches: `0`, or `1` for not; one for addresses that prefer this node, one for others. Nothing is started for that, and who has the addresses already
 * loses them within one heartbeat and `lost` of what went wrong.
 */
export class Guard implements Service {
  readonly #config: VipConfig;
  readonly #log: Logger;
  readonly #peers: Peers;
  readonly #verdict = new Verdict(SETTLE, YIELD);
  readonly #incarnation = randomBytes(INCARNATION).toString('hex');
  readonly #sender: Sender;
  readonly #serving: Serving | undefined;
  readonly #health: HealthServer;
  #gateway: Gateway | undefined;
  #timers: NodeJS.Timeout[] = [];
  #count = 0;
  #judgedAt = 0;
  #since = Date.now();
  #reasons: string[] = ['starting'];
  #drainedBy: string[] = [];
  #card: string | undefined;
  /** Since when, by address. */
  #owned = new Map<string, number>();
  #started = false;
  #yields = true;

  /** `listen`: where heartbeats arrive, the node's own address. */
  constructor(config: VipConfig, log: Logger, listen = config.address) {
    const { node, peers, heartbeat, serving, health } = config;
    this.#config = config;
    this.#log = log;
    this.#peers = new Peers(
      node,
      peers.map(({ name }) => name),
      heartbeat.lost,
    );
    this.#sender = new Sender({
      address: listen,
      port: heartbeat.port,
      peers: peers.map((peer) => peer.address),
      heard: (datagram) => this.#hear(datagram),
    });
    this.#serving =
      serving && config.addresses.length > 0
        ? new Serving(serving, () => this.#started && this.#beat())
        : undefined;
    this.#health = new HealthServer({
      ...health,
      unready: () => [],
      registry: createVipRegistry(() => this.#status()),
      status: () => this.#status(),
    });
  }

  /** Resolves when a network card has the node's address, however long that takes. */
  async start(signal: AbortSignal): Promise<void> {
    const { run, peers } = this.#config;
    mkdirSync(run, { recursive: true });
    this.#tell();
    await this.#health.start();
    await this.#findCard(signal);
    // keepalived reads it (see its include), since a card's name differs from board to board.
    writeFileSync(path.join(run, 'interface.conf'), `$INTERFACE=${this.#card}\n`);
    await this.#sender.start();
    await this.#serving?.start();
    if (peers.length === 1) await this.#watchGateway();
    this.#started = true;
    this.#judgedAt = performance.now();
    const { interval } = this.#config.heartbeat;
    let turn = 0;
    this.#timers = [
      setInterval(() => {
        this.#judge();
        if (++turn % JUDGED === 0) this.#send();
      }, interval / JUDGED),
      setInterval(() => this.#look(), LOOK),
    ];
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#started = false;
    this.#reasons = ['stopping'];
    if (this.#verdict.update(this.#reasons, performance.now())) this.#tell();
    await this.#serving?.close();
    await this.#gateway?.close();
    await this.#sender.close();
    await this.#health.close();
  }

  async #findCard(signal: AbortSignal): Promise<void> {
    const { address } = this.#config;
    let said = -Infinity;
    for (;;) {
      this.#look();
      if (this.#card !== undefined) return;
      if (performance.now() - said > SAY_AGAIN) {
        said = performance.now();
        this.#log.warn({ address }, "no network card has this node's address yet");
      }
      await wait(FIND_CARD, undefined, { signal });
    }
  }

  async #watchGateway(): Promise<void> {
    const address = this.#config.gateway ?? routerOfThisMachine();
    if (address === undefined) {
      this.#log.warn(
        'there is no gateway to ask: two nodes that do not hear each other both have the addresses',
      );
      return;
    }
    this.#gateway = new Gateway(address);
    await this.#gateway.start();
  }

  #look(): void {
    const { address, addresses, drain } = this.#config;
    const { card, owned } = readCards(address, addresses);
    for (const one of owned) {
      if (this.#owned.has(one)) continue;
      this.#owned.set(one, Date.now());
      this.#log.info({ address: one }, `has ${one} now`);
    }
    for (const one of this.#owned.keys()) {
      if (owned.includes(one)) continue;
      this.#owned.delete(one);
      this.#log.info({ address: one }, `does not have ${one} any more`);
    }
    this.#card = card;
    try {
      if (drain !== undefined) this.#drainedBy = drainedBy(drain);
    } catch (error) {
      this.#log.warn(`who drains this node cannot be read: ${describeError(error)}`);
    }
  }

  /** Judges and tells everybody, at once. */
  #beat(): void {
    this.#judge();
    this.#send();
  }

  #judge(): void {
    const now = performance.now();
    const late = now - this.#judgedAt;
    this.#judgedAt = now;
    // This process stood still: heartbeats wait to be read, so nothing is known before that.
    if (late > this.#config.heartbeat.lost / 2) return;
    const reasons = judge({
      card: this.#card,
      peers: this.#peers.size,
      reached: this.#peers.reached(now),
      otherServes: this.#peers.serves(now),
      gateway: this.#gateway?.answers(now),
      unable: this.#serving?.unable,
      drainedBy: this.#drainedBy,
    });
    this.#reasons = reasons;
    const changed = this.#verdict.update(reasons, now);
    if (changed || this.#yields !== this.#verdict.yields(now)) this.#tell();
    if (!changed) return;
    this.#since = Date.now();
    const { fault } = this.#verdict;
    if (fault) this.#log.warn({ reasons }, `must not have the virtual addresses: ${reasons[0]}`);
    else this.#log.info('may have the virtual addresses');
  }

  #tell(): void {
    const { run } = this.#config;
    this.#yields = this.#verdict.yields(performance.now());
    try {
      for (const [file, fault] of [
        ['fault', this.#verdict.fault],
        ['fault-others', this.#yields],
      ] as const) {
        writeFileSync(path.join(run, file), fault ? '1\n' : '0\n');
      }
    } catch (error) {
      this.#log.error({ err: error }, `keepalived cannot be told: ${describeError(error)}`);
    }
  }

  #send(): void {
    const { node, heartbeat } = this.#config;
    const serves =
      this.#serving !== undefined &&
      this.#serving.unable === undefined &&
      this.#drainedBy.length === 0 &&
      !this.#verdict.fault;
    const incarnation = this.#incarnation;
    const hears = this.#peers.heard(performance.now());
    const beat = { node, incarnation, count: ++this.#count, serves, hears };
    this.#sender.send(encodeHeartbeat(beat, heartbeat.key));
  }

  #hear(datagram: Buffer): void {
    const heartbeat = decodeHeartbeat(datagram, this.#config.heartbeat.key);
    if (heartbeat !== undefined) this.#peers.hear(heartbeat, performance.now());
  }

  #status(): VipStatus {
    return {
      service: 'vip',
      node: this.#config.node,
      ...processPart([]),
      reasons: this.#reasons,
      fault: this.#verdict.fault,
      since: this.#since,
      owned: [...this.#owned.keys()],
      held: [...this.#owned].map(([address, since]) => ({ address, since })),
      peers: this.#peers.list(performance.now()),
    };
  }
}
