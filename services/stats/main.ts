import { parseArgs } from 'node:util';
import { loadYamlFile } from '#core/config/yaml-file.ts';
import { statsConfigSchema } from '#core/contracts/service-config.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { runService } from '#core/lifecycle.ts';
import { createLog } from '#core/log.ts';
import { StatsService } from './service.ts';

const USAGE = 'usage: main.ts --config FILE';
const EXIT_FAILURE = 1;

const log = createLog({ service: 'stats' });

function build(): StatsService {
  return new StatsService(loadYamlFile(configFile(), statsConfigSchema), log);
}

function configFile(): string {
  try {
    const { values } = parseArgs({ options: { config: { type: 'string' } } });
    if (values.config !== undefined) return values.config;
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.USAGE, 'bad command line', { cause, hint: USAGE });
  }
  throw new BrambleError(ERROR_CODES.USAGE, '--config is missing', { hint: USAGE });
}

try {
  const service = build();
  await runService(service, { name: 'stats', log, reload: () => service.reload() });
} catch (error) {
  const hint = error instanceof BrambleError ? error.hint : undefined;
  log.fatal({ err: error, hint }, `stats cannot start: ${describeError(error)}`);
  process.exitCode = EXIT_FAILURE;
}
