import { describeError } from '#core/errors.ts';
import { version } from '../../command/usage.ts';
import type { CommandTable } from '../command.ts';
import type { RuntimeHost } from '../host.ts';
import { uptimeText } from '../master.ts';
import { data, failure, info } from '../reply.ts';

const MEGABYTE = 1_048_576;

/** The process itself (management guide, section 9.3). */
export const PROCESS_COMMANDS: CommandTable = [
  {
    name: 'show version',
    usage: 'show version',
    summary: 'show version of the current process',
    run: () => info(version()),
  },
  {
    name: 'show env',
    usage: 'show env [var]',
    summary: 'dump environment variables known to the process',
    level: 'operator',
    run: ({ word }) => {
      const name = word(0);
      if (name === '') {
        const all = Object.entries(process.env);
        return data(all.map(([key, value]) => `${key}=${value}\n`).join(''));
      }
      const value = process.env[name];
      return value === undefined ? failure('Variable not found') : data(`${name}=${value}\n`);
    },
  },
  {
    name: 'show cli level',
    usage: 'show cli level',
    summary: 'display the level of the current CLI session',
    run: ({ session }) => info(session.level),
  },
  {
    name: 'show cli sockets',
    usage: 'show cli sockets',
    summary: 'dump list of cli sockets',
    run: ({ host }) => {
      const lines = host.runtime.sockets.map(({ label, level }) => `${label} ${level} all\n`);
      return data(`# socket lvl processes\n${lines.join('')}`);
    },
  },
  {
    name: 'show activity',
    usage: 'show activity',
    summary: 'show what the event loop does (for support/developers)',
    run: ({ host }) => data(activity(host)),
  },
  {
    name: 'show pools',
    usage: 'show pools',
    summary: 'report information about the memory usage',
    run: () => {
      const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
      const entries = { rss, heapTotal, heapUsed, external, arrayBuffers };
      const lines = Object.entries(entries).map(
        ([name, bytes]) => `  - ${name} : ${bytes} bytes (${Math.round(bytes / MEGABYTE)} MB)\n`,
      );
      return data(`Memory of the runtime, which has no pools:\n${lines.join('')}`);
    },
  },
  {
    name: 'show startup-logs',
    usage: 'show startup-logs',
    summary: 'report logs emitted during startup and the last reload',
    level: 'operator',
    run: ({ host }) => data(host.startupLogs),
  },
  {
    name: 'reload',
    usage: 'reload',
    summary: 'read the configuration again and apply what changed',
    level: 'admin',
    run: async ({ host }) => {
      try {
        await host.reloadFiles();
        return data(`Success=1\n--\n${host.startupLogs}`);
      } catch (error) {
        return data(`Success=0\n--\n${host.startupLogs || `${describeError(error)}\n`}`);
      }
    },
  },
  {
    name: 'show proc',
    usage: 'show proc',
    summary: 'show the process, which is master and worker in one',
    run: ({ host }) => {
      const uptime = uptimeText((Date.now() - host.startedAt) / 1000);
      const line = (...cells: readonly (string | number)[]): string =>
        `${cells.map((cell) => String(cell).padEnd(15)).join(' ')}\n`;
      const reloads = `${host.reloads} [failed: ${host.failedReloads}]`;
      return data(
        line('#<PID>', '<type>', '<reloads>', '<uptime>', '<version>') +
          line(process.pid, 'master', reloads, uptime, version()) +
          '# workers\n' +
          line(process.pid, 'worker', 0, uptime, version()) +
          '# programs\n',
      );
    },
  },
];

function activity(host: RuntimeHost): string {
  const { user, system } = process.cpuUsage();
  const { utilization } = performance.eventLoopUtilization();
  return [
    'thread_id: 1 (1..1)',
    `date_now: ${(Date.now() / 1000).toFixed(6)}`,
    `cpust_ms_tot: ${Math.round((user + system) / 1000)}`,
    `loop_utilization_pct: ${(100 * utilization).toFixed(1)}`,
    `accepted: ${host.admission.total}`,
    `connections: ${host.connections}`,
    `waiting: ${host.admission.held}`,
    '',
  ].join('\n');
}
