import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadCluster } from '#core/config/cluster.ts';
import { loadYamlFile } from '#core/config/yaml-file.ts';
import { brokerConfigSchema } from '#core/contracts/service-config.ts';
import { workerConfig, workersOf } from '#core/contracts/workers.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { runService } from '#core/lifecycle.ts';
import { createLog } from '#core/log.ts';
import { WorkerPool } from './workers/pool.ts';

/** sysexits(3): wrong usage, wrong configuration. */
const EXIT_USAGE = 64;
const EXIT_CONFIG = 78;

/** Longer than a worker takes to drain, milliseconds. */
const POOL_DRAIN = 12_000;

interface Arguments {
  file: string;
  /** Which worker this process is, from 1; undefined for the one that was called. */
  worker: number | undefined;
}

function readArguments(): Arguments {
  try {
    const { values } = parseArgs({
      options: { config: { type: 'string', short: 'c' }, worker: { type: 'string' } },
    });
    const worker = values.worker === undefined ? undefined : Number(values.worker);
    if (values.config !== undefined && (worker === undefined || worker >= 1)) {
      return { file: values.config, worker };
    }
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.USAGE, describeError(cause), { cause });
  }
  throw new BrambleError(ERROR_CODES.USAGE, 'usage: broker --config FILE');
}

async function main(): Promise<void> {
  const { file, worker } = readArguments();
  const config = loadYamlFile(file, brokerConfigSchema);
  const cluster = loadCluster(config.cluster);
  const count = workersOf(config);
  if (count > 1 && worker === undefined) {
    const log = createLog({ service: 'broker', node: config.node });
    const args = ['--config', file];
    const pool = new WorkerPool({ count, file: fileURLToPath(import.meta.url), args, log });
    const reload = () => pool.reload();
    await runService(pool, { name: 'broker', log, reload, drainTimeout: POOL_DRAIN });
    return;
  }
  // Who only watches needs none of it.
  const { Broker } = await import('./broker.ts');
  const own = workerConfig(config, worker ?? 1);
  const log = createLog({ service: 'broker', node: own.node });
  const broker = new Broker({ config: own, shared: count > 1, cluster, log });
  await runService(broker, { name: 'broker', log, reload: () => broker.reload() });
}

main().catch((error: unknown) => {
  console.error(describeError(error));
  const usage = error instanceof BrambleError && error.code === ERROR_CODES.USAGE;
  process.exit(usage ? EXIT_USAGE : EXIT_CONFIG);
});
