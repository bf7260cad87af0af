import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { OK, Origin, requestOf, talk } from '../support/http-peers.ts';
import { freePortRange } from '../support/ports.ts';
import { BOTH, startEither, type Which } from '../support/side-by-side.ts';

const EXAMPLE = fileURLToPath(new URL('../fixtures/pi-cluster.cfg', import.meta.url));
const AUTH = `Authorization: Basic ${Buffer.from('guest:guest').toString('base64')}\r\n`;
const get = (path: string, fields = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

/** Columns that depend on the clock or on what a process is, not on what it did. */
const CLOCK = [
  'lastchg',
  'downtime',
  'lastsess',
  'check_duration',
  'rate',
  'rate_max',
  'req_rate',
  'req_rate_max',
  'conn_rate',
  'conn_rate_max',
  'qtime',
  'ctime',
  'rtime',
  'ttime',
  'qtime_max',
  'ctime_max',
  'rtime_max',
  'ttime_max',
  // How many of the test's connections overlap.
  'smax',
];
const OTHERWISE: Record<string, string> = {
  need_conn_est: 'HAProxy starts its estimate at 1',
  srv_icur: 'HAProxy keeps idle connections per thread',
  idle_conn_cur: 'HAProxy keeps idle connections per thread',
  safe_conn_cur: 'HAProxy keeps idle connections per thread',
  connect: 'follows from the idle connections',
  reuse: 'follows from the idle connections',
  h1_open_connections: 'follows from the idle connections',
  h1_total_connections: 'follows from the idle connections',
  h1_open_streams: 'not counted by us',
  h1_bytes_in: 'raw bytes are not counted by us',
  h1_bytes_out: 'raw bytes are not counted by us',
};

type Table = { header: string; rows: Map<string, Record<string, string>> };

function parse(text: string): Table {
  const from = text.indexOf('# pxname');
  const [header = '', ...lines] = text.slice(from).split(/\r?\n/);
  const names = header.slice(2).split(',');
  const rows = new Map<string, Record<string, string>>();
  for (const line of lines.filter((each) => each.includes(','))) {
    const cells = line.split(',');
    const row = Object.fromEntries(names.map((name, index) => [name, cells[index] ?? '']));
    rows.set(`${row.pxname}/${row.svname}`, row);
  }
  return { header, rows };
}

/** Runs the example file with one broker missing, sends fixed traffic, reads the CSV. */
async function observe(which: Which) {
  const base = await freePortRange(8);
  const [http, mqtt, mqtt2, kafka, stats] = [0, 1, 2, 3, 4].map((offset) => base + offset) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const origins = [new Origin('dash1'), new Origin('dash2'), new Origin('mqtt1')];
  for (const origin of origins) await origin.start();
  const [dash1, dash2, mqtt1] = origins.map((origin) => String(origin.port));
  await using proxy = await startEither(which, {
    file: EXAMPLE,
    env: {
      BIND: '127.0.0.1',
      NODE1: '127.0.0.1',
      NODE2: '127.0.0.1',
      HTTP_PORT: String(http),
      DASH1_PORT: dash1!,
      DASH2_PORT: dash2!,
      MQTT_PORT: String(mqtt),
      MQTT1_PORT: mqtt1!,
      MQTT2_PORT: String(mqtt2),
      KAFKA_PORT: String(kafka),
      STATS_PORT: String(stats),
    },
    // The last to listen.
    ports: [stats],
  });
  const csv = async (): Promise<string> =>
    (await talk(stats, [get('/haproxy?stats;csv', `Connection: close\r\n${AUTH}`)])).text;
  try {
    for (const end = Date.now() + 20_000; Date.now() < end; await sleep(50)) {
      if (/mqtt,mqtt2,.*DOWN/.test(await csv())) break;
    }
    const before = parse(await csv());
    for (let i = 0; i < 6; i++) await talk(http, [get('/')]);
    origins[0]!.script = ['HTTP/1.1 404 N\r\nContent-Length: 2\r\n\r\nno'];
    origins[1]!.script = [
      'HTTP/1.1 302 F\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ];
    await talk(http, [get('/a').repeat(4)]);
    await talk(http, ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello']);
    origins[0]!.script = ['garbage\r\n\r\n'];
    origins[1]!.script = [null];
    await talk(http, [get('/b'), get('/c')]);
    for (const origin of origins) origin.script = OK;
    await talk(http, ['BAD\r\n\r\n']);
    await talk(http, ['GET / HT'], { fin: true });
    for (let i = 0; i < 2; i++) await talk(mqtt, [get('/')]);
    const from = proxy.out.length;
    await talk(stats, [get('/haproxy?stats')]);
    await talk(stats, [get('/haproxy?stats;csv', AUTH)]);
    await talk(stats, [get('/elsewhere')]);
    await sleep(300);
    const log = proxy.out
      .slice(from)
      .filter((line) => line.includes(' stats stats/'))
      .map(requestOf);
    return { before, after: parse(await csv()), log };
  } finally {
    for (const origin of origins) await origin.peer.stop();
  }
}

describe('the statistics of the example file, side by side with HAProxy', () => {
  let theirs: Awaited<ReturnType<typeof observe>>;
  let ours: Awaited<ReturnType<typeof observe>>;
  beforeAll(async () => {
    [theirs, ours] = (await Promise.all(BOTH.map(observe))) as [typeof theirs, typeof ours];
  });

  test('same header, same rows, same values after the same traffic', async () => {
    expect(ours.after.header).toBe(theirs.after.header);
    expect([...ours.after.rows.keys()]).toEqual([...theirs.after.rows.keys()]);

    const skipped = new Set([...CLOCK, ...Object.keys(OTHERWISE)]);
    let compared = 0;
    const differences: string[] = [];
    for (const [name, expected] of theirs.after.rows) {
      const row = ours.after.rows.get(name)!;
      const first = { ours: ours.before.rows.get(name)!, theirs: theirs.before.rows.get(name)! };
      for (const column of Object.keys(expected)) {
        if (skipped.has(column)) continue;
        // The page itself has other bytes than HAProxy's, and was asked for while waiting.
        if (name.startsWith('stats/')) {
          if (/^(stot|bin|bout|cli_abrt|hrsp_|req_tot|conn_tot|intercepted|h1_)/.test(column))
            continue;
        }
        compared += 1;
        const gained = (now: string, then: string): string =>
          /^\d+$/.test(now) &&
          /^(stot|bin|bout|hrsp|lbtot|req_tot|conn_tot|ereq|eresp|econ)/.test(column)
            ? String(Number(now) - Number(then))
            : now;
        const want = gained(expected[column]!, first.theirs[column]!);
        const got = gained(row[column]!, first.ours[column]!);
        if (got !== want) differences.push(`${name} ${column}: HAProxy ${want}, ours ${got}`);
      }
    }
    console.log(
      `CSV: ${compared} values compared in ${ours.after.rows.size} rows; ` +
        `${CLOCK.length} columns of the clock and ${Object.keys(OTHERWISE).length} others left out`,
    );
    expect(differences).toEqual([]);
  });

  test('requests for the page are logged as HAProxy logs them', () => {
    const shape = (line: string): string =>
      line.replace(/ (\S+) (\d{3}) (\d+) (LR--|SC--) /, ' $4 ');
    expect(ours.log.map(shape)).toEqual(theirs.log.map(shape));
    expect(ours.log).toHaveLength(3);
  });
});
