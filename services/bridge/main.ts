import { parseArgs } from 'node:util';
import { loadCluster } from '#core/config/cluster.ts';
import { loadYamlFile } from '#core/config/yaml-file.ts';
import { bridgeConfigSchema } from '#core/contracts/service-config.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { runService } from '#core/lifecycle.ts';
import { createLog } from '#core/log.ts';
import { Bridge } from './bridge.ts';

/** sysexits(3): wrong usage, wrong configuration. */
const EXIT_USAGE = 64;
const EXIT_CONFIG = 78;

function configFile(): string {
  try {
    const { values } = parseArgs({ options: { config: { type: 'string', short: 'c' } } });
    if (values.config !== undefined) return values.config;
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.USAGE, describeError(cause), { cause });
  }
  throw new BrambleError(ERROR_CODES.USAGE, 'usage: bridge --config FILE');
}

async function main(): Promise<void> {
  const config = loadYamlFile(configFile(), bridgeConfigSchema);
  const cluster = loadCluster(config.cluster);
  const log = createLog({ service: 'bridge', node: config.node });
  const bridge = new Bridge({ config, cluster, log });
  await runService(bridge, { name: 'bridge', log, reload: () => bridge.reload() });
}

main().catch((error: unknown) => {
  console.error(describeError(error));
  const usage = error instanceof BrambleError && error.code === ERROR_CODES.USAGE;
  process.exit(usage ? EXIT_USAGE : EXIT_CONFIG);
});
