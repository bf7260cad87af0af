import { setTimeout as sleep } from 'node:timers/promises';
import { HealthServer } from '#core/health.ts';
import type { Plan } from '../render/plan.ts';
import { Journal } from '../supervise/journal.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';
import { supervisorRegistry, supervisorStatus, unready } from '../supervise/status.ts';
import type { SupervisedProcess } from '../supervise/supervised-process.ts';
import { Supervisor } from '../supervise/supervisor.ts';
import type { Output } from './output.ts';

/** Time for the balancer to close its listeners before the brokers drain, milliseconds. */
const HEAD_START = 100;

/** All processes of a dev cluster, what is told about them, and the order in which they stop. */
export class DevCluster {
  readonly #supervisor: Supervisor;
  readonly #journal = new Journal();
  readonly #health: HealthServer;
  readonly #output: Output;

  constructor(plan: Plan, specs: readonly ProcessSpec[], output: Output) {
    this.#output = output;
    this.#supervisor = new Supervisor(specs);
    const { processes } = this.#supervisor;
    this.#health = new HealthServer({
      host: plan.host,
      port: plan.ports.supervisorHealth,
      unready: () => unready(processes),
      registry: supervisorRegistry(processes),
      status: () => supervisorStatus(processes, this.#journal),
    });
  }

  /** Resolves when every process is ready. Throws what Supervisor.start and HealthServer throw. */
  async start(signal: AbortSignal): Promise<void> {
    for (const process of this.#supervisor.processes) this.#watch(process);
    await this.#health.start();
    await this.#supervisor.start(signal);
  }

  /**
   * The order that loses least: the bridges finish what they carry; the balancer stops accepting but carries what is open, so that the
   * brokers' last acknowledgements and DISCONNECTs still arrive; with its connections gone it ends
   * too. The engine below the brokers goes last, server by server: two that end at once each hand
   * the lead to the other, and their next election takes up to 15 s instead of 4 to 8.
   */
  async stop(): Promise<void> {
    await this.#supervisor.stop((name) => name.startsWith('bridge-'));
    const balancer = this.#supervisor.stop((name) => name === 'balancer');
    await Promise.race([balancer, sleep(HEAD_START)]);
    await this.#supervisor.stop((name) => name.startsWith('broker-'));
    await balancer;
    await this.#supervisor.stop((name) => name === 'stats');
    await this.#supervisor.stop((name) => name === 'kafka');
    for (const { spec } of this.#supervisor.processes) {
      if (spec.name.startsWith('nats-')) await this.#supervisor.stop((name) => name === spec.name);
    }
    await this.#health.close();
  }

  /** At once. */
  async kill(): Promise<void> {
    await this.#supervisor.kill();
    await this.#health.close();
  }

  #watch(process: SupervisedProcess): void {
    const { name } = process.spec;
    process.on('started', (pid) => {
      this.#output.started(name, pid);
      this.#journal.add('info', name, `started, pid ${pid}`);
    });
    process.on('ready', (pid, after) => {
      this.#output.processReady(name, pid, after);
      this.#journal.add('info', name, process.restarts === 0 ? 'ready' : 'ready again');
    });
    process.on('exited', (exit) => {
      this.#output.exited(name, exit);
      if (exit.expected) this.#journal.add('info', name, 'stopped');
      else this.#journal.add('critical', name, `died: ${exit.reason}`);
    });
    process.on('complaint', (line) => {
      // While it starts, its peers may not be there yet: that goes to its log, and to the reason
      // when it ends over it.
      if (process.state !== 'ready') return;
      this.#output.complaint(name, line);
      if (line.severity !== 'warning') this.#journal.add('warning', name, line.text);
    });
  }
}
