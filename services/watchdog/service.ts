import path from 'node:path';
import type { WatchdogConfig } from '#core/contracts/service-config.ts';
import type { ClusterEvent, WatchdogStatus } from '#core/contracts/status.ts';
import { describeError } from '#core/errors.ts';
import { HealthServer } from '#core/health.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Logger } from '#core/log.ts';
import { Counter, createRegistry, Gauge } from '#core/metrics.ts';
import { processPart } from '#core/process-part.ts';
import type { Check } from './checks/check.ts';
import { HttpCheck } from './checks/http-check.ts';
import { KafkaCheck } from './checks/kafka-check.ts';
import { MqttCheck } from './checks/mqtt-check.ts';
import { PulseCheck } from './checks/pulse-check.ts';
import { TcpCheck } from './checks/tcp-check.ts';
import { neverBecause } from './guards/never.ts';
import { rebootsLeft } from './ladder/budget.ts';
import { COMING, climbed, decide, type Rung } from './ladder/ladder.ts';
import { type Memory, readMemory, writeMemory } from './ladder/memory.ts';
import { type Charge, Mender } from './mender.ts';
import { OwnDrain } from './remedies/own-drain.ts';
import { Systemd } from './remedies/systemd.ts';
import { Watched } from './watched.ts';

/** Events that are kept, and shown to the page. */
const EVENTS = 100;
/** Where messages are stored: a node whose own is away takes nothing from the majority. */
const ENGINE = 'nats';

type State = Charge & { unitState: 'runs' | 'coming' | 'stopped'; actedAt: number };

/** Watches over the services of one node and mends what does not answer, up a ladder of remedies. */
export class Watchdog implements Service {
  readonly #config: WatchdogConfig;
  readonly #log: Logger;
  readonly #charges: State[];
  readonly #systemd: Systemd;
  readonly #mender: Mender;
  readonly #health: HealthServer;
  readonly #memoryFile: string;
  readonly #acts: Counter<'unit' | 'rung'>;
  #memory: Memory = { climbs: {}, reboots: [], events: [] };
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #acting: Promise<void> | undefined;
  #looked = false;
  /** When something last forbade to restart anything, monotonic milliseconds. */
  #barredAt = Number.NEGATIVE_INFINITY;

  constructor(config: WatchdogConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
    this.#memoryFile = path.join(config.state, 'memory.json');
    this.#systemd = new Systemd(path.join(config.state, 'captures'));
    this.#charges = config.services.map((service) => ({
      ...service,
      watched: new Watched({
        name: service.name,
        alive: service.alive.map(checkOf),
        ready: service.ready === undefined ? undefined : new URL(service.ready),
        pace: config.pace,
        supported: () => service.needs.every((need) => this.#charge(need)?.watched.ready ?? true),
      }),
      unitState: 'runs' as const,
      actedAt: Number.NEGATIVE_INFINITY,
    }));
    this.#mender = new Mender({
      node: config.node,
      systemd: this.#systemd,
      drain: new OwnDrain(config.drain),
      peers: config.peers.map(({ name, status }) => ({ name, status: new URL(status) })),
      pace: config.pace,
      takesPart: () => this.#charge(ENGINE)?.watched.state === 'up',
      log,
      report: (level, subject, text) => this.#report(level, subject, text),
      beforeReboot: () => {
        this.#memory.reboots.push(Date.now());
        return this.#remember();
      },
    });
    const registry = createRegistry({ service: 'watchdog', node: config.node });
    this.#acts = new Counter({
      name: 'bramble_watchdog_acts_total',
      help: 'What was done for a unit, by rung of the ladder',
      labelNames: ['unit', 'rung'],
      registers: [registry],
    });
    const charges = this.#charges;
    new Gauge({
      name: 'bramble_watchdog_up',
      help: 'Whether a service answers (1) or not (0)',
      labelNames: ['service'],
      registers: [registry],
      collect() {
        for (const { name, watched } of charges) {
          this.set({ service: name }, watched.state === 'up' ? 1 : 0);
        }
      },
    });
    this.#health = new HealthServer({
      ...config.health,
      registry,
      unready: () => this.#unready(),
      status: () => this.#status(),
    });
  }

  async start(): Promise<void> {
    this.#memory = await readMemory(this.#memoryFile, (why) =>
      this.#log.error(`begins anew, ${this.#memoryFile} is damaged: ${describeError(why)}`),
    );
    this.#mender.adopt(this.#charges);
    await this.#health.start();
    this.#timer = setInterval(() => this.#tick(), this.#config.interval);
    this.#tick();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
    // An act that is under way goes on in systemd without us; what it needs is remembered.
    await this.#health.close();
  }

  #charge(name: string): State | undefined {
    return this.#charges.find((charge) => charge.name === name);
  }

  #tick(): void {
    this.#round ??= this.#check()
      .catch((error: unknown) => {
        this.#log.error({ err: error }, `a round of checks failed: ${describeError(error)}`);
      })
      .finally(() => {
        this.#round = undefined;
      });
  }

  async #check(): Promise<void> {
    await Promise.all(this.#charges.map(({ watched }) => watched.check()));
    await Promise.all(this.#charges.map((charge) => this.#lookAtUnit(charge)));
    this.#looked = true;
    await this.#mender.goOn();
    // One act at a time, and checks go on beside it: a restart takes up to minutes.
    this.#acting ??= this.#mend().finally(() => {
      this.#acting = undefined;
    });
  }

  async #lookAtUnit(charge: State): Promise<void> {
    if (charge.watched.state !== 'down') {
      charge.unitState = 'runs';
      return;
    }
    try {
      charge.unitState = await this.#systemd.stateOf(charge.unit, COMING * this.#config.pace);
    } catch (error) {
      this.#log.warn({ unit: charge.unit }, describeError(error));
      // What cannot be asked cannot be told to restart either.
      charge.unitState = 'stopped';
    }
  }

  async #mend(): Promise<void> {
    const never = this.#charges.some(({ watched }) => watched.state === 'down')
      ? await neverBecause(this.#config.data).catch(() => '')
      : '';
    if (never !== '') this.#barredAt = performance.now();
    for (const charge of this.#charges) {
      if (charge.unitState === 'stopped') continue;
      const decision = decide(this.#situation(charge, never));
      if (decision.act === 'none') continue;
      if (decision.act === 'reset') await this.#reset(charge);
      else await this.#act(charge, decision.act, decision.why);
    }
  }

  #situation(charge: State, never: string) {
    const { watched, name } = charge;
    const now = performance.now();
    const { pace } = this.#config;
    return {
      state: watched.state,
      lasted: (now - watched.since) / pace,
      sinceAct: (now - charge.actedAt) / pace,
      climb: this.#memory.climbs[name],
      coming: charge.unitState === 'coming',
      mayDrain: charge.drain && this.#config.peers.length > 0,
      mayReboot: charge.reboot && rebootsLeft(this.#memory.reboots, Date.now()) > 0,
      never,
      free: (now - this.#barredAt) / pace,
    };
  }

  async #act(charge: State, rung: Rung, why: string | undefined): Promise<void> {
    const { name, unit } = charge;
    const climb = this.#memory.climbs[name];
    // Written before, so that a reboot in the middle of it does not begin at the foot again.
    this.#memory.climbs[name] = climbed(climb, rung, Date.now(), why !== undefined);
    try {
      if (rung !== 'reboot') await this.#remember().catch((error) => this.#forgetful(error));
      const done = await this.#mender.act(charge, rung, why);
      charge.actedAt = performance.now();
      if (done) this.#acts.inc({ unit, rung });
      else this.#restore(name, climb);
    } catch (error) {
      charge.actedAt = performance.now();
      this.#report('critical', name, `${rung} failed: ${describeError(error)}`);
    }
    await this.#remember().catch((error) => this.#forgetful(error));
  }

  /** It waits: that rung was not tried. */
  #restore(name: string, climb: Memory['climbs'][string] | undefined): void {
    if (climb === undefined) delete this.#memory.climbs[name];
    else this.#memory.climbs[name] = climb;
  }

  async #reset({ name }: State): Promise<void> {
    delete this.#memory.climbs[name];
    this.#report('info', name, 'has been well for long: what was done for it is forgotten');
    await this.#remember().catch((error) => this.#forgetful(error));
  }

  async #remember(): Promise<void> {
    await writeMemory(this.#memoryFile, this.#memory);
  }

  #forgetful(error: unknown): void {
    this.#log.error(`a reboot would forget what was done: ${describeError(error)}`);
  }

  #report(level: ClusterEvent['level'], subject: string, text: string): void {
    const log = { info: 'info', warning: 'warn', critical: 'error' } as const;
    this.#log[log[level]]({ subject }, text);
    const { events } = this.#memory;
    events.push({ at: Date.now(), level, subject: `${this.#config.node} ${subject}`, text });
    events.splice(0, Math.max(0, events.length - EVENTS));
  }

  #unready(): string[] {
    return this.#looked ? [] : ['has not looked at its services yet'];
  }

  #status(): WatchdogStatus {
    const now = { wall: Date.now(), monotonic: performance.now() };
    const { working, acting } = this.#mender;
    return {
      service: 'watchdog',
      node: this.#config.node,
      ...processPart(this.#unready()),
      services: this.#charges.map(({ name, watched, unitState }) => {
        const climb = this.#memory.climbs[name];
        return {
          name,
          state: unitState === 'stopped' ? ('stopped' as const) : watched.state,
          since: Math.round(now.wall - (now.monotonic - watched.since)),
          reason: watched.state === 'down' ? watched.reason : '',
          ...(climb === undefined ? {} : { rung: climb.rung, tries: climb.tries }),
        };
      }),
      ...(working === undefined ? {} : { working }),
      ...(acting ? { acting } : {}),
      rebootsLeft: rebootsLeft(this.#memory.reboots, now.wall),
      events: this.#memory.events,
    };
  }
}

function checkOf(described: WatchdogConfig['services'][number]['alive'][number]): Check {
  if ('tcp' in described) return new TcpCheck(described.tcp);
  if ('http' in described) return new HttpCheck(new URL(described.http));
  if ('pulse' in described) return new PulseCheck(described.pulse);
  if ('kafka' in described) {
    const { controllers, ...clients } = described.kafka;
    return new KafkaCheck({ clients, controllers });
  }
  return new MqttCheck(described.mqtt, described.mqtt.proxyProtocol);
}
