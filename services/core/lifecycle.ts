import { BrambleError, describeError, ERROR_CODES } from './errors.ts';
import type { Logger } from './log.ts';
import { notifySystemd, watchdogInterval } from './systemd.ts';

/**
 * What every long-lived part of ours looks like: the constructor only assigns, `start` acts,
 * `close` drains and may be called twice, `destroy` is at once.
 */
export interface Service {
  /** Resolves when ready to serve; rejects when it never will. */
  start(signal: AbortSignal): Promise<void>;
  /** Stops taking new work, finishes what is in hand, frees everything. Idempotent. */
  close(): Promise<void>;
  /** Frees everything now. */
  destroy?(error: Error): void;
}

export interface RunOptions {
  name: string;
  log: Logger;
  /** Longest time that `close` may take before the process ends anyway, in milliseconds. */
  drainTimeout?: number;
  /** Called on SIGHUP; without it SIGHUP is ignored with a log line. */
  reload?: () => Promise<void>;
  /**
   * Called on SIGUSR1: stops taking new work and resolves when the last one in hand is done, however
   * long that takes; the process then ends. SIGTERM in between ends it as ever.
   */
  softStop?: () => Promise<void>;
}

const DEFAULT_DRAIN_TIMEOUT = 10_000;
const EXIT_FAILURE = 1;

/**
 * Runs one service as the process: start → READY → wait for a signal → STOPPING → drain → exit.
 *
 * A supervisor that started us with an IPC channel and vanishes closes that channel; we then stop
 * too, so that a killed `bramble dev` leaves no process of ours behind.
 */
export async function runService(service: Service, options: RunOptions): Promise<void> {
  const { name, log, drainTimeout = DEFAULT_DRAIN_TIMEOUT } = options;
  const aborter = new AbortController();
  let stopping = false;

  const stop = async (why: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info({ why }, `${name} stopping`);
    notifySystemd('STOPPING=1');
    aborter.abort(new BrambleError(ERROR_CODES.CLOSED, `${name} is stopping: ${why}`));
    const overdue = setTimeout(() => {
      log.error({ drainTimeout }, `${name} did not drain in time, ending anyway`);
      process.exit(EXIT_FAILURE);
    }, drainTimeout);
    try {
      await service.close();
    } catch (error) {
      log.error({ err: error }, `${name} failed while stopping`);
      process.exitCode = EXIT_FAILURE;
    }
    clearTimeout(overdue);
    process.exit();
  };

  const fail = (error: unknown, what: string): void => {
    log.fatal({ err: error }, `${name} ${what}: ${describeError(error)}`);
    service.destroy?.(error instanceof Error ? error : new Error(String(error)));
    process.exit(EXIT_FAILURE);
  };

  let finishing = false;
  const softStop = async (drain: () => Promise<void>): Promise<void> => {
    if (stopping || finishing) return;
    finishing = true;
    log.info({ why: 'SIGUSR1' }, `${name} finishing`);
    notifySystemd('STOPPING=1');
    await drain();
    if (!stopping) process.exit();
  };

  if (options.softStop) {
    const drain = options.softStop;
    process.on('SIGUSR1', () => {
      softStop(drain).catch((error: unknown) => fail(error, 'failed to finish'));
    });
  }
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  process.on('SIGHUP', () => {
    if (!options.reload) return log.info(`${name} has nothing to reload, SIGHUP ignored`);
    options.reload().catch((error: unknown) => {
      log.error({ err: error }, `${name} keeps its old configuration: ${describeError(error)}`);
    });
  });
  process.on('disconnect', () => void stop('its supervisor is gone'));
  process.on('uncaughtException', (error) => fail(error, 'crashed'));
  process.on('unhandledRejection', (error) => fail(error, 'crashed'));

  try {
    await service.start(aborter.signal);
  } catch (error) {
    if (stopping) return;
    const hint = error instanceof BrambleError ? error.hint : undefined;
    log.fatal({ err: error, hint }, `${name} cannot start: ${describeError(error)}`);
    process.exit(EXIT_FAILURE);
  }
  if (stopping) return;
  notifySystemd('READY=1');
  process.send?.({ event: 'ready', name });
  log.info(`${name} ready`);
  const interval = watchdogInterval();
  if (interval !== undefined) setInterval(() => notifySystemd('WATCHDOG=1'), interval).unref();
}
