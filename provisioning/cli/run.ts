import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import {
  applyCommand,
  drainCommand,
  resetCommand,
  rollbackCommand,
  undrainCommand,
  upgradeCommand,
} from './apply.ts';
import { backupCommand, restoreCommand } from './backup.ts';
import { bansCommand } from './bans.ts';
import { bridgeCommand } from './bridge.ts';
import { brokersCommand } from './brokers.ts';
import { addNodeCommand, replaceNodeCommand } from './change-nodes.ts';
import { clientsCommand } from './clients.ts';
import type { Command } from './command.ts';
import { completionCommand } from './completion.ts';
import { configureCommand } from './configure.ts';
import { devCommand } from './dev.ts';
import { discoverCommand } from './discover.ts';
import { doctorCommand } from './doctor.ts';
import { EXIT, exitCodeFor } from './exit-codes.ts';
import { flashCommand } from './flash.ts';
import { commandHelp, overview } from './help.ts';
import { initCommand } from './init.ts';
import { logsCommand } from './logs.ts';
import { markGoodCommand } from './mark-good.ts';
import { nodeCommand } from './node.ts';
import { osUpdateCommand } from './os-update.ts';
import { findCommand, parseInvocation } from './parse.ts';
import { passwordCommand } from './password.ts';
import { planCommand } from './plan.ts';
import { prometheusCommand } from './prometheus.ts';
import { removeNodeCommand } from './remove-node.ts';
import { renderCommand } from './render.ts';
import { retainedCommand } from './retained.ts';
import { sessionsCommand } from './sessions.ts';
import { statusCommand } from './status.ts';
import { topicsCommand } from './topics.ts';
import { validateCommand } from './validate.ts';
import { versionCommand } from './version.ts';

const helpCommand: Command = {
  name: 'help',
  summary: 'List the commands',
  positionals: [],
  options: {},
  examples: [{ line: 'bramble help', text: 'what there is' }],
  async run() {
    process.stdout.write(overview(COMMANDS));
    return EXIT.OK;
  },
};

export const COMMANDS: readonly Command[] = [
  devCommand,
  initCommand,
  validateCommand,
  flashCommand,
  discoverCommand,
  planCommand,
  applyCommand,
  statusCommand,
  logsCommand,
  doctorCommand,
  drainCommand,
  undrainCommand,
  upgradeCommand,
  rollbackCommand,
  addNodeCommand,
  replaceNodeCommand,
  removeNodeCommand,
  resetCommand,
  backupCommand,
  restoreCommand,
  clientsCommand,
  sessionsCommand,
  retainedCommand,
  topicsCommand,
  bansCommand,
  brokersCommand,
  bridgeCommand,
  passwordCommand,
  prometheusCommand,
  renderCommand,
  nodeCommand,
  configureCommand,
  osUpdateCommand,
  markGoodCommand,
  completionCommand(() => COMMANDS),
  versionCommand,
  helpCommand,
];

/** Runs one command line (without `node` and the script). Resolves to the exit code; never rejects. */
export async function runCli(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    return report(error);
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [first = 'help', ...rest] = args;
  if (first === '--help' || first === '-h') return helpCommand.run({ values: {}, positionals: [] });
  if (first === '--version' || first === '-v') return dispatch(['version', ...rest]);
  if (first === 'help' && rest[0] !== undefined && !rest[0].startsWith('-')) {
    return dispatch([rest[0], '--help']);
  }
  const command = findCommand(COMMANDS, first);
  if (asksForHelp(rest)) {
    process.stdout.write(commandHelp(command));
    return EXIT.OK;
  }
  return command.run(parseInvocation(command, rest));
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end === -1 ? args : args.slice(0, end);
  return options.includes('--help') || options.includes('-h');
}

/** Errors go to stderr in words, so that stdout stays what the command promises. */
function report(error: unknown): number {
  if (!(error instanceof BrambleError)) {
    process.stderr.write(`bramble: ${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT.FAILURE;
  }
  const isFile = error.code === ERROR_CODES.CONFIG_INVALID;
  process.stderr.write(`${isFile ? '' : 'bramble: '}${describeError(error)}\n`);
  if (error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
  return exitCodeFor(error.code);
}
