import { hostname } from 'node:os';
import { type CommandLine, parseArguments } from './command/arguments.ts';
import { Console } from './command/console.ts';
import { reportDescriptor, startInBackground } from './command/daemon.ts';
import { listens } from './command/listens.ts';
import { hasWarnings, loadWithProblems } from './command/load-problems.ts';
import { USAGE, version, versionText } from './command/usage.ts';
import { ConditionError, evaluateCondition } from './config/directives/condition.ts';
import { readRuntimeSocket } from './config/keywords/global-stats.ts';
import { lexLine } from './config/lexer.ts';
import { type Loaded, loadConfig } from './config/load.ts';
import { systemReason } from './config/source.ts';
import { connectionLimit } from './listeners/descriptors.ts';
import type { RuntimeSocketConfig } from './runtime/config.ts';

const EXIT_OK = 0;
const EXIT_ERROR = 1;
/** A valid configuration in which nothing listens, found by `-c`. */
const EXIT_NO_LISTENER = 2;
/** A condition that cannot be evaluated (`-cc`). */
const EXIT_UNEVALUATED = 2;

const STDERR = 2;
/** Where neither the files nor the system limit them; a number that statistics can show. */
const MOST_CONNECTIONS = 1_000_000;
/** Program name in log lines, as HAProxy takes it from its own. */
const LOG_TAG = 'bramble-balancer';

/**
 * The `bramble-balancer` command. Resolves with the exit code, or with undefined while the process
 * serves: it then ends by a signal. Source: HAProxy 2.6 management guide, sections 3 and 4.
 */
export async function main(words: readonly string[]): Promise<number | undefined> {
  const parsed = parseArguments(words);
  switch (parsed.kind) {
    case 'version':
      process.stdout.write(versionText(parsed.long));
      return EXIT_OK;
    case 'condition':
      return evaluate(parsed.text, parsed.quiet);
    case 'usage': {
      const console = createConsole(STDERR);
      if (parsed.message !== undefined) {
        // The whole usage text would bury it.
        console.say('ALERT', `${parsed.message}\n   | run it without arguments for the options`);
        return EXIT_ERROR;
      }
      process.stdout.write(versionText(false));
      console.raw(USAGE);
      return EXIT_ERROR;
    }
    case 'run':
      return run(parsed.line);
  }
}

function createConsole(descriptor: number | undefined): Console {
  return new Console(descriptor, `bramble-balancer version is ${version()}`);
}

/** What `-cc` exits with: 0 = true, 1 = false, 2 = not to be evaluated. */
function evaluate(text: string, quiet: boolean): number {
  const variables = new Map(
    Object.entries(process.env).map(([name, value]) => [name, value ?? '']),
  ).set('HAPROXY_LOCALPEER', process.env.HAPROXY_LOCALPEER ?? hostname());
  const console = createConsole(quiet ? undefined : STDERR);
  // Quotes, escapes and variables as on a line of a file.
  const line = lexLine(text, variables);
  if (line.error) {
    console.say('ALERT', `config : Syntax Error in condition: ${capitalised(line.error.message)}.`);
    return EXIT_UNEVALUATED;
  }
  try {
    const words = line.tokens.map((token) => token.text);
    return evaluateCondition(words.join(' '), variables) ? EXIT_OK : EXIT_ERROR;
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    console.say('ALERT', `config : Failed to evaluate condition: ${error.message}`);
    return EXIT_UNEVALUATED;
  }
}

async function run(line: CommandLine): Promise<number | undefined> {
  const report = reportDescriptor();
  const console = createConsole(line.quiet ? undefined : (report ?? STDERR));
  if (line.directory !== undefined && report === undefined) {
    try {
      process.chdir(line.directory);
    } catch (error) {
      const reason = systemReason(error);
      console.say('ALERT', `Could not change to directory ${line.directory} : ${reason}`);
      return EXIT_ERROR;
    }
  }
  const master = line.masterSocket === undefined ? undefined : masterSocketOf(line.masterSocket);
  if (typeof master === 'string') {
    console.say('ALERT', `-S : ${master}`);
    return EXIT_ERROR;
  }
  const loaded = await loadWithProblems(() => loadLine(line), {
    zeroWarning: line.zeroWarning,
    // The foreground half has already shown them.
    console: report === undefined ? console : createConsole(undefined),
  });
  if (!loaded) return EXIT_ERROR;
  const { config, warnings } = loaded;
  if (line.check) return reportCheck(hasWarnings(warnings), listens(config), line);
  if (!listens(config)) {
    const message = "No enabled listener found (check for 'bind' directives) ! Exiting.";
    console.say('ALERT', message);
    return EXIT_ERROR;
  }
  if (config.global.daemon && report === undefined) {
    return (await startInBackground((text) => console.raw(text))) ? EXIT_OK : EXIT_ERROR;
  }
  const { runBalancer } = await import('./command/run.ts');
  const { zeroWarning } = line;
  await runBalancer(config, line, console, (told) =>
    loadWithProblems(() => loadLine(line), { zeroWarning, console: told }),
  );
  return undefined;
}

/** Loads what the command line names. Throws BalancerConfigError. */
export async function loadLine(line: CommandLine): Promise<Loaded> {
  const loaded = await loadConfig(line.files, {
    environment: {
      ...process.env,
      HAPROXY_LOCALPEER: line.localPeer ?? hostname(),
      HAPROXY_CFGFILES: line.files.join(';'),
    },
    overrides: {
      maxconn: line.maxconn,
      proxyMaxconn: line.proxyMaxconn,
      pidfile: line.pidfile,
      daemon: line.foreground ? false : line.daemon || undefined,
      defaultMaxconn: Math.min(connectionLimit(undefined), MOST_CONNECTIONS),
      logTag: LOG_TAG,
    },
  });
  const { masterSocket } = line;
  if (masterSocket !== undefined) {
    const socket = masterSocketOf(masterSocket);
    // What is wrong with it has been said before any file was read.
    if (typeof socket !== 'string') loaded.config.global.runtime?.sockets.push(socket);
  }
  return loaded;
}

const capitalised = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

/** What `-c` says of a configuration without errors, and its exit code. */
function reportCheck(warned: boolean, listens: boolean, { quiet }: CommandLine): number {
  if (!quiet) {
    if (warned) process.stdout.write('Warnings were found.\n');
    process.stdout.write(
      listens
        ? 'Configuration file is valid\n'
        : 'Configuration file has no error but will not start (no listener) => exit(2).\n',
    );
  }
  return listens ? EXIT_OK : EXIT_NO_LISTENER;
}

/** `-S <address>[,<parameter>,<value>]*`: the socket of a master, which this process is as well. */
function masterSocketOf(text: string): RuntimeSocketConfig | string {
  const words = text.split(',');
  const position = { file: '-S', line: 1, column: 1 };
  const environment = new Map(
    Object.entries(process.env).map(([key, value]) => [key, value ?? '']),
  );
  const socket = readRuntimeSocket(words, environment, position);
  if (typeof socket === 'string') return socket;
  return { ...socket, master: true, ...(!words.includes('level') && { level: 'admin' }) };
}
