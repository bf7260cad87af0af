import { startBalancer } from './balancer.ts';
import { startHaproxy } from './haproxy.ts';
import { freePorts } from './ports.ts';
import type { ProxyProcess } from './proxy-process.ts';

const START = { haproxy: startHaproxy, bramble: startBalancer };
export type Which = keyof typeof START;
export const BOTH: readonly Which[] = ['haproxy', 'bramble'];

/** A configuration around `body`, which logs TCP sessions to stdout and has a port to probe. */
function configOf(body: string, probe: number): string {
  return `
global
    log stdout format raw local0
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 2s
    timeout client 20s
    timeout server 20s
${body}
# Last, so that everything listens when this does.
listen probe
    no log
    bind 127.0.0.1:${probe}
`;
}

/** Runs a proxy with `body`, in which `PORT` stands for the port that it gets. */
export async function withProxy<T>(
  which: Which,
  body: string,
  use: (port: number, proxy: ProxyProcess) => Promise<T>,
): Promise<T> {
  const [port, probe] = (await freePorts(2)) as [number, number];
  const config = configOf(body.replaceAll('PORT', String(port)), probe);
  await using proxy = await START[which]({ config, ports: [probe] });
  return await use(port, proxy);
}

export const startEither = (which: Which, options: Parameters<typeof startHaproxy>[0]) =>
  START[which](options);

/**
 * A tcplog line without what differs from run to run: `front back/server Tw/Tc bytes end retries
 * queues`, where a time is -1 or N.
 */
export function sessionOf(line: string): string {
  const found =
    /\] (\S+ \S+) (-?\d+)\/(-?\d+)\/\+?\d+ (\+?\d+) (\S\S) \d+\/(\d+\/\d+\/\d+)\/(\+?\d+) (\d+\/\d+)$/.exec(
      line,
    );
  if (!found) return line;
  const [, who, tw, tc, bytes, end, connections, retries, queues] = found;
  const time = (text: string | undefined): string => (text === '-1' ? '-1' : 'N');
  return `${who} ${time(tw)}/${time(tc)} ${bytes} ${end} ${connections} ${retries} ${queues}`;
}

/** A line on a server's state, its duration taken out. */
export const eventOf = (line: string): string => line.replace(/\d+ms/, 'Nms');
