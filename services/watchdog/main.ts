import { watchdogConfigSchema } from '#core/contracts/service-config.ts';
import { serviceMain } from '#core/service-main.ts';
import { Watchdog } from './service.ts';

await serviceMain({
  name: 'watchdog',
  schema: watchdogConfigSchema,
  build: (config, log) => new Watchdog(config, log),
});
