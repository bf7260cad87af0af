import { statsConfigSchema } from '#core/contracts/service-config.ts';
import { serviceMain } from '#core/service-main.ts';
import { StatsService } from './service.ts';

await serviceMain({
  name: 'stats',
  schema: statsConfigSchema,
  build: (config, log) => new StatsService(config, log),
});
