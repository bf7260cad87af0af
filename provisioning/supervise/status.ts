import type { SupervisorStatus } from '#core/contracts/status.ts';
import { createRegistry, Gauge, type Registry } from '#core/metrics.ts';
import type { Journal } from './journal.ts';
import type { SupervisedProcess } from './supervised-process.ts';

/** The body of the supervisor's `/status`. */
export function supervisorStatus(
  processes: readonly SupervisedProcess[],
  journal: Journal,
): SupervisorStatus {
  return {
    service: 'supervisor',
    pid: process.pid,
    startedAt: Math.round(performance.timeOrigin),
    processes: processes.map(({ spec, state, pid, startedAt, restarts, lastExit }) => ({
      name: spec.name,
      ...(spec.node === undefined ? {} : { node: spec.node }),
      state,
      ...(pid === undefined ? {} : { pid }),
      ...(startedAt === undefined ? {} : { startedAt }),
      restarts,
      ...(lastExit === undefined ? {} : { lastExit }),
    })),
    events: [...journal.events],
  };
}

/** Why `/readyz` says no: the processes that are not ready. */
export function unready(processes: readonly SupervisedProcess[]): string[] {
  return processes
    .filter(({ state }) => state !== 'ready')
    .map(({ spec, state }) => `${spec.name} is ${state}`);
}

/** Prometheus metrics of the processes, read when scraped. */
export function supervisorRegistry(processes: readonly SupervisedProcess[]): Registry {
  const registry = createRegistry({ service: 'supervisor' });
  new Gauge({
    name: 'bramble_process_ready',
    help: '1 while the supervised process is ready, else 0',
    labelNames: ['process'],
    registers: [registry],
    collect() {
      for (const { spec, state } of processes) {
        this.set({ process: spec.name }, state === 'ready' ? 1 : 0);
      }
    },
  });
  new Gauge({
    name: 'bramble_process_restarts',
    help: 'Times that the supervised process was started again',
    labelNames: ['process'],
    registers: [registry],
    collect() {
      for (const { spec, restarts } of processes) this.set({ process: spec.name }, restarts);
    },
  });
  return registry;
}
