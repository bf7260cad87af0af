import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { loadYamlFile } from './config/yaml-file.ts';
import { BrambleError, describeError, ERROR_CODES } from './errors.ts';
import { runService, type Service } from './lifecycle.ts';
import { createLog, type Logger } from './log.ts';

const USAGE = 'usage: main.ts --config FILE';
const EXIT_FAILURE = 1;

export interface ServiceMain<S extends z.ZodType> {
  name: string;
  /** What the file after `--config` must be. */
  schema: S;
  build: (config: z.output<S>, log: Logger) => Service & { reload?: () => Promise<void> };
}

/**
 * The whole `main.ts` of a service: its configuration is read and checked, the service built and run
 * until a signal ends it. Whatever prevents that is one line in the log and exit status 1.
 */
export async function serviceMain<S extends z.ZodType>(options: ServiceMain<S>): Promise<void> {
  const { name, schema, build } = options;
  const log = createLog({ service: name });
  try {
    const service = build(loadYamlFile(configFile(), schema), log);
    const reload = service.reload?.bind(service);
    await runService(service, { name, log, ...(reload === undefined ? {} : { reload }) });
  } catch (error) {
    const hint = error instanceof BrambleError ? error.hint : undefined;
    log.fatal({ err: error, hint }, `${name} cannot start: ${describeError(error)}`);
    process.exitCode = EXIT_FAILURE;
  }
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
