import { vipConfigSchema } from '#core/contracts/service-config.ts';
import { serviceMain } from '#core/service-main.ts';
import { Guard } from './guard.ts';

await serviceMain({
  name: 'vip',
  schema: vipConfigSchema,
  build: (config, log) => new Guard(config, log),
});
