import { type ChildProcess, spawn } from 'node:child_process';
import { systemCode } from '#core/errors.ts';
import type { Server } from '../servers/server.ts';
import type { CheckReport } from '../servers/types.ts';
import type { RunningCheck } from './running-check.ts';

export interface Program {
  command: string;
  args: readonly string[];
  env: Record<string, string>;
  /**
   * What its end means, where that is more than its exit code; `code` is a system's code where it
   * could not be started.
   */
  explain?: (code: number | string, said: string) => Omit<CheckReport, 'duration'>;
}

/** Most that is kept of what a program says, characters. */
const SAID_MAX = 300;

/**
 * Runs a program once: it passes with exit code 0, fails with any other, and is killed when it
 * takes longer than `limit` milliseconds. What it prints is thrown away, unless its end is
 * explained by that.
 */
export function runProgram(
  { command, args, env, explain }: Program,
  limit: number,
  done: (report: CheckReport) => void,
): RunningCheck {
  const started = performance.now();
  let open = true;
  let timer: NodeJS.Timeout | undefined;
  const finish = (report: Omit<CheckReport, 'duration'>): void => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    done({ ...report, duration: Math.round(performance.now() - started) });
  };
  let said = '';
  const unstarted = (error: unknown): void => {
    const code = systemCode(error) ?? String(error);
    finish(explain?.(code, said) ?? { status: 'SOCKERR', info: `${command}: ${code}` });
  };
  let child: ChildProcess;
  try {
    child = spawn(command, [...args], {
      env,
      stdio: ['ignore', 'ignore', explain ? 'pipe' : 'ignore'],
    });
  } catch (error) {
    // What the system refuses by a code that Node does not expect.
    const soon = setImmediate(unstarted, error);
    return { cancel: () => clearImmediate(soon) };
  }
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, SAID_MAX);
  });
  child.once('error', unstarted);
  child.once(explain ? 'close' : 'exit', (code: number | null) => {
    if (code === 0) finish({ status: 'PROCOK', code });
    else finish(explain?.(code ?? -1, said) ?? { status: 'PROCERR', code: code ?? -1 });
  });
  timer = setTimeout(() => {
    child.kill('SIGKILL');
    finish({ status: 'PROCTOUT', code: 0 });
  }, limit);
  return {
    cancel: () => {
      open = false;
      clearTimeout(timer);
      child.kill('SIGKILL');
    },
  };
}

const NONE = 'NOT_USED';
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What `option external-check` runs: arguments and variables of the manual's `external-check command`. */
export function externalProgram(
  server: Server,
  command: string,
  path: string | undefined,
): Program {
  const { config, backend } = server;
  const [bind] = backend.config.binds;
  const host = bind ? bind.host || '0.0.0.0' : undefined;
  const port = bind ? String(bind.port) : undefined;
  return {
    command,
    args: [host ?? NONE, port ?? NONE, config.host, String(config.port)],
    env: {
      ...(path === undefined ? { PATH: process.env.PATH ?? DEFAULT_PATH } : { PATH: path }),
      HAPROXY_PROXY_NAME: backend.config.name,
      HAPROXY_PROXY_ID: String(backend.config.id),
      HAPROXY_PROXY_ADDR: host ?? '',
      HAPROXY_PROXY_PORT: port ?? '',
      HAPROXY_SERVER_NAME: config.name,
      HAPROXY_SERVER_ID: String(config.id),
      HAPROXY_SERVER_ADDR: config.host,
      HAPROXY_SERVER_PORT: String(config.port),
      HAPROXY_SERVER_MAXCONN: String(server.maxconn ?? 0),
      HAPROXY_SERVER_CURCONN: String(server.cur),
      HAPROXY_SERVER_SSL: config.check?.tls ? '1' : '0',
      HAPROXY_SERVER_PROTO: backend.config.mode === 'http' ? 'h1' : 'tcp',
    },
  };
}

/** One ICMP echo by the system's `ping`, which has the capability that we lack. */
export function pingProgram({ config }: Server, limit: number): Program {
  const seconds = String(Math.max(1, Math.ceil(limit / 1000)));
  const host = config.check?.addr ?? config.host;
  return {
    command: 'ping',
    args: ['-n', '-q', '-c', '1', '-W', seconds, '--', host],
    env: { PATH: process.env.PATH ?? DEFAULT_PATH },
    explain: explainPing,
  };
}

const NEEDS = 'ping needs CAP_NET_RAW, or a group within net.ipv4.ping_group_range';

/** Exit codes of ping(8): 1 without an answer, 2 for everything else. */
function explainPing(code: number | string, said: string): Omit<CheckReport, 'duration'> {
  if (code === 1) return { status: 'PROCERR', code, info: 'no answer' };
  if (code === 'ENOENT') {
    return { status: 'SOCKERR', info: 'ping is not installed (Debian: iputils-ping)' };
  }
  const [line = ''] = said.trim().split('\n');
  const refused = code === 'EPERM' || code === 'EACCES' || /not permitted|capabilit/i.test(line);
  if (refused) return { status: 'SOCKERR', info: `${NEEDS}: ${line || code}` };
  return { status: 'SOCKERR', info: line || `ping ended with ${code}` };
}
