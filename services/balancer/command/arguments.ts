/** What the command line asks for. Source: HAProxy 2.6 management guide, section 3. */
export interface CommandLine {
  /** Files and directories, in order. */
  files: string[];
  check: boolean;
  /** `-cc`: what to evaluate in place of running. */
  condition: string | undefined;
  /** No messages (`-q`). */
  quiet: boolean;
  /** `-V`, and `-d`. */
  verbose: boolean;
  /** `-d` and `-db`: never to the background, whatever the files say. */
  foreground: boolean;
  daemon: boolean;
  /** Warnings are errors (`-dW`). */
  zeroWarning: boolean;
  pidfile: string | undefined;
  /** Where to go before files are read. */
  directory: string | undefined;
  maxconn: number | undefined;
  proxyMaxconn: number | undefined;
  /** Name of this process among its peers, for `$HAPROXY_LOCALPEER`. */
  localPeer: string | undefined;
  /** Processes to stop once this one listens: when idle (`-sf`), or at once (`-st`). */
  finish: number[];
  terminate: number[];
  /** Another process holds the ports (`-x`): they are shared. */
  takeover: boolean;
  /** `-W` and `-Ws`: the process stands for a master, too. */
  master: boolean;
  /** `-S`: runtime socket with its parameters behind commas. */
  masterSocket: string | undefined;
}

export type ParsedArguments =
  | { kind: 'run'; line: CommandLine }
  | { kind: 'version'; long: boolean }
  /** Evaluate a condition as `.if` does (`-cc`), and nothing else. */
  | { kind: 'condition'; text: string; quiet: boolean }
  /** Print how the command is used, after what is wrong. */
  | { kind: 'usage'; message: string | undefined };

/**
 * Accepted since scripts have them; there is nothing here that they could switch.
 */
const NO_EFFECT = ['-de', '-dp', '-dS', '-dG', '-dR', '-dD'];

/** What HAProxy has and this program has not, with what to do instead. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  '-m': "limit memory from outside, with systemd's MemoryMax= or ulimit",
  '-dr': 'names must resolve at start; give addresses instead',
  '-dV': "write 'ssl-server-verify none' in the global section",
  '-dL': 'there are no shared objects to list',
  '-dK': "see the balancer's README for the supported keywords",
};

type ValueOption = '-cc' | '-f' | '-p' | '-C' | '-L' | '-n' | '-N' | '-S' | '-x';
const VALUE_OPTIONS: readonly string[] = ['-cc', '-f', '-p', '-C', '-L', '-n', '-N', '-S', '-x'];

/** Reads the words behind the program's name. */
export function parseArguments(words: readonly string[]): ParsedArguments {
  const line = newCommandLine();
  const usage = (message: string): ParsedArguments => ({ kind: 'usage', message });
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (word === '-v' || word === '-vv') return { kind: 'version', long: word === '-vv' };
    if (word === '--') {
      line.files.push(...words.slice(index + 1));
      break;
    }
    if (word === '-sf' || word === '-st') {
      const list = word === '-sf' ? line.finish : line.terminate;
      while (index + 1 < words.length && !words[index + 1]!.startsWith('-')) {
        const text = words[++index]!;
        const pid = /^\d{1,9}$/.test(text) ? Number(text) : 0;
        if (pid === 0) return usage(`${word} option: '${text}' is no process id`);
        list.push(pid);
      }
    } else if (VALUE_OPTIONS.includes(word)) {
      const value = words[++index];
      if (value === undefined) return usage(`${word} needs a value`);
      const error = setValue(line, word as ValueOption, value);
      if (error !== undefined) return usage(error);
    } else if (!setSwitch(line, word)) {
      return usage(explain(word));
    }
  }
  if (line.condition !== undefined) {
    return { kind: 'condition', text: line.condition, quiet: line.quiet };
  }
  if (line.files.length === 0) return { kind: 'usage', message: undefined };
  return { kind: 'run', line };
}

function newCommandLine(): CommandLine {
  return {
    files: [],
    check: false,
    condition: undefined,
    quiet: false,
    verbose: false,
    foreground: false,
    daemon: false,
    zeroWarning: false,
    pidfile: undefined,
    directory: undefined,
    maxconn: undefined,
    proxyMaxconn: undefined,
    localPeer: undefined,
    finish: [],
    terminate: [],
    takeover: false,
    master: false,
    masterSocket: undefined,
  };
}

function setSwitch(line: CommandLine, word: string): boolean {
  switch (word) {
    case '-c':
      line.check = true;
      return true;
    case '-q':
      line.quiet = true;
      return true;
    case '-V':
      line.verbose = true;
      return true;
    case '-d':
      line.verbose = true;
      line.foreground = true;
      return true;
    case '-db':
      line.foreground = true;
      return true;
    case '-D':
      line.daemon = true;
      return true;
    case '-W':
    case '-Ws':
      line.master = true;
      return true;
    case '-dW':
      line.zeroWarning = true;
      return true;
    default:
      // -dM has a byte and options at its end.
      return NO_EFFECT.includes(word) || word.startsWith('-dM');
  }
}

/** Returns what is wrong with `value`, if anything. */
function setValue(line: CommandLine, option: ValueOption, value: string): string | undefined {
  switch (option) {
    case '-cc':
      line.condition = value;
      return undefined;
    case '-f':
      line.files.push(value);
      return undefined;
    case '-p':
      line.pidfile = value;
      return undefined;
    case '-C':
      line.directory = value;
      return undefined;
    case '-L':
      line.localPeer = value;
      return undefined;
    case '-S':
      line.masterSocket = value;
      return undefined;
    case '-x':
      // The kernel shares ports between the two; no descriptor has to travel.
      line.takeover = true;
      return undefined;
    case '-n':
    case '-N': {
      const count = /^\d{1,9}$/.test(value) ? Number(value) : 0;
      if (count === 0) return `${option} needs a number of connections, '${value}' is none`;
      line[option === '-n' ? 'maxconn' : 'proxyMaxconn'] = count;
      return undefined;
    }
  }
}

function explain(word: string): string {
  if (!word.startsWith('-')) return `unexpected argument '${word}'; files are given with -f`;
  const name = Object.hasOwn(UNSUPPORTED, word) ? word : word.slice(0, 3);
  const hint = Object.hasOwn(UNSUPPORTED, name) ? UNSUPPORTED[name] : undefined;
  if (hint === undefined) return `unknown option '${word}'`;
  return `option '${name}' is not supported: ${hint}`;
}
