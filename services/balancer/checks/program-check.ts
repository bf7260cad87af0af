import { spawn } from 'node:child_process';
import { systemCode } from '#core/errors.ts';
import type { Server } from '../servers/server.ts';
import type { CheckReport } from '../servers/types.ts';
import type { RunningCheck } from './running-check.ts';

export interface Program {
  command: string;
  args: readonly string[];
  env: Record<string, string>;
}

/**
 * Runs a program once: it passes with exit code 0, fails with any other, and is killed when it
 * takes longer than `limit` milliseconds. What it prints is thrown away.
 */
export function runProgram(
  { command, args, env }: Program,
  limit: number,
  done: (report: CheckReport) => void,
): RunningCheck {
  const started = performance.now();
  let open = true;
  const finish = (report: Omit<CheckReport, 'duration'>): void => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    done({ ...report, duration: Math.round(performance.now() - started) });
  };
  const child = spawn(command, [...args], { env, stdio: 'ignore' });
  child.once('error', (error) => {
    const info = `${command}: ${systemCode(error) ?? error.message}`;
    finish({ status: 'SOCKERR', info });
  });
  child.once('exit', (code) => {
    if (code === 0) finish({ status: 'PROCOK', code });
    else finish({ status: 'PROCERR', code: code ?? -1 });
  });
  const timer = setTimeout(() => {
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
  };
}
