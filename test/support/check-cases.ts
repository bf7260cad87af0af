import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';
import type { ProxyProcess } from './proxy-process.ts';
import { eventOf, startEither, type Which } from './side-by-side.ts';
import { Peer } from './tcp-peers.ts';

/**
 * What a peer does with one connection: texts (latin1) are sent, a number waits for as many bytes,
 * null = FIN, 'rst' = RST; at its end the connection is left open.
 */
export type Play = readonly (string | number | null)[];

export interface CheckCase {
  name: string;
  /** Lines of the section. */
  lines: string;
  /** Of the successive connections; the last one stays. */
  plays: readonly Play[];
  /** More parameters of the `server` line. */
  server?: string;
}

export interface Seen {
  /** What the first connection brought. */
  received: string;
  events: string[];
  row: Record<string, string | undefined>;
}

export const CHECK_COLUMNS = [
  'status',
  'check_status',
  'check_code',
  'last_chk',
  'check_desc',
].concat([
  'check_health',
  'chkfail',
  'chkdown',
  'weight',
  'act',
  'hanafail',
  'check_rise',
  'check_fall',
]);

const SETTLE = 1200;

/** Runs all cases in one process, each with its own server, and returns what they led to. */
export async function runChecks(
  which: Which,
  cases: readonly CheckCase[],
  { global = '', env = {} }: { global?: string; env?: Record<string, string> } = {},
): Promise<Map<string, Seen>> {
  const seen = cases.map((): Seen => ({ received: '', events: [], row: {} }));
  const peers = cases.map(
    ({ name, plays }, index) =>
      new Peer(name, (socket) => {
        const turn = peers[index]!.accepted - 1;
        let received = '';
        let wake = (): void => {};
        socket.on('data', (data: Buffer) => {
          received += data.toString('latin1');
          if (turn === 0) seen[index]!.received = received;
          wake();
        });
        socket.on('end', () => socket.end());
        const play = async (): Promise<void> => {
          let taken = 0;
          for (const part of plays[Math.min(turn, plays.length - 1)]!) {
            if (typeof part === 'number') {
              taken += part;
              while (received.length < taken) {
                await new Promise<void>((resolve) => {
                  wake = resolve;
                });
              }
            } else if (part === null) socket.end();
            else if (part === 'rst') socket.resetAndDestroy();
            else socket.write(part, 'latin1');
          }
        };
        void play();
      }),
  );
  await Promise.all(peers.map((peer) => peer.start()));
  // Nothing else is bound: backends are checked whether or not a frontend leads to them.
  const stats = await freePort();
  const sections = cases.map(
    ({ lines, server = '' }, index) => `backend c${index}
 ${lines}
 server s 127.0.0.1:${peers[index]!.port} check inter 300 rise 2 fall 3 ${server}\n`,
  );
  const config = `global
 log stdout format raw local0
${global}
defaults
 mode tcp
 log global
 timeout connect 1s
 timeout client 2s
 timeout server 2s
 option log-health-checks
${sections.join('')}
listen stats
 mode http
 bind 127.0.0.1:${stats}
 stats uri /
`;
  let proxy: ProxyProcess | undefined;
  try {
    proxy = await startEither(which, { config, ports: [stats], env });
    const { out } = proxy;
    const eventsOf = (index: number): string[] =>
      out.filter((line) => new RegExp(`[ ']c${index}[/ ']`).test(line)).map(eventOf);
    const missing = (): boolean =>
      cases.some(
        ({ plays }, index) =>
          peers[index]!.accepted <= plays.length || eventsOf(index).length === 0,
      );
    for (const end = Date.now() + 15_000; Date.now() < end && missing(); ) await sleep(50);
    await sleep(SETTLE);
    for (const [index, one] of seen.entries()) one.events = eventsOf(index);
    await readRows(stats, seen).catch((error: unknown) => {
      throw new Error(`${which} has ended: ${proxy?.err.slice(-20).join('\n')}`, { cause: error });
    });
    return new Map(cases.map(({ name }, index) => [name, seen[index]!]));
  } finally {
    await proxy?.stop('SIGKILL');
    await Promise.all(peers.map((peer) => peer.stop()));
  }
}

/** While a check runs its row tells less: such a row is read again. */
async function readRows(stats: number, seen: readonly Seen[]): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++, await sleep(70)) {
    const csv = await (await fetch(`http://127.0.0.1:${stats}/;csv`)).text();
    const [head = '', ...rows] = csv.split('\n');
    const names = head.slice(2).split(',');
    for (const [index, one] of seen.entries()) {
      const cells = splitCsv(rows.find((row) => row.startsWith(`c${index},s,`)) ?? '');
      const running = cells[names.indexOf('check_status')]?.startsWith('*');
      if (one.row.status !== undefined && running) continue;
      one.row = Object.fromEntries(
        CHECK_COLUMNS.map((name) => [name, cells[names.indexOf(name)]?.replace('* ', '')]),
      );
      if (running) delete one.row.status;
    }
    if (seen.every((one) => one.row.status !== undefined)) return;
  }
}

function splitCsv(row: string): string[] {
  return (row.match(/(?:"(?:[^"]|"")*"|[^,]*)(?:,|$)/g) ?? []).map((cell) =>
    cell.replace(/,$/, '').replace(/^"(.*)"$/s, '$1'),
  );
}
