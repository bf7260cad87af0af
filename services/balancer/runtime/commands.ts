import type { CommandTable } from './command.ts';
import { CACHE_COMMANDS } from './commands/cache.ts';
import { CERTIFICATE_COMMANDS } from './commands/certificates.ts';
import { COUNTER_COMMANDS } from './commands/counters.ts';
import { CRT_LIST_COMMANDS } from './commands/crt-lists.ts';
import { DYNAMIC_SERVER_COMMANDS } from './commands/dynamic-servers.ts';
import { FRONTEND_COMMANDS } from './commands/frontends.ts';
import { LIMIT_COMMANDS } from './commands/limits.ts';
import { PATTERN_COMMANDS } from './commands/patterns.ts';
import { PROCESS_COMMANDS } from './commands/process.ts';
import { SERVER_COMMANDS } from './commands/servers.ts';
import { SESSION_COMMANDS } from './commands/sessions.ts';
import { SET_SERVER_COMMANDS } from './commands/set-server.ts';
import { TABLE_COMMANDS } from './commands/tables.ts';
import { TRUST_COMMANDS } from './commands/trust.ts';
import { VARIABLE_COMMANDS } from './commands/variables.ts';
import { WEIGHT_COMMANDS } from './commands/weights.ts';
import { STATISTICS_COMMANDS } from './statistics.ts';

/** Every command, in the order of `help`. */
export const COMMANDS: CommandTable = [
  ...CACHE_COMMANDS,
  ...CERTIFICATE_COMMANDS,
  ...TRUST_COMMANDS,
  ...COUNTER_COMMANDS,
  ...CRT_LIST_COMMANDS,
  ...DYNAMIC_SERVER_COMMANDS,
  ...FRONTEND_COMMANDS,
  ...LIMIT_COMMANDS,
  ...PATTERN_COMMANDS,
  ...PROCESS_COMMANDS,
  ...SERVER_COMMANDS,
  ...SESSION_COMMANDS,
  ...SET_SERVER_COMMANDS,
  ...STATISTICS_COMMANDS,
  ...TABLE_COMMANDS,
  ...VARIABLE_COMMANDS,
  ...WEIGHT_COMMANDS,
].toSorted((a, b) => (a.usage < b.usage ? -1 : 1));
