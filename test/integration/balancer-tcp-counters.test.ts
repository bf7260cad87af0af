import type net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { lineMatching } from '../support/proxy-process.ts';
import { BOTH, type Which, withProxy } from '../support/side-by-side.ts';
import { Client, echo, nameOnData, Peer, until } from '../support/tcp-peers.ts';

const peers: Peer[] = [];
async function peer(name: string, serve: (socket: net.Socket, name: string) => void) {
  const one = await new Peer(name, serve).start();
  peers.push(one);
  return one;
}
afterEach(async () => {
  await Promise.all(peers.splice(0).map((one) => one.stop()));
});

type Row = Record<string, string>;

async function csv(port: number): Promise<Map<string, Row>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/s;csv`)).text();
  const [head, ...lines] = text.trim().split('\n');
  const names = head!.replace('# ', '').split(',');
  const rows = lines.map((line) => {
    const values = line.split(',');
    return Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
  });
  return new Map(rows.map((row) => [`${row.pxname}/${row.svname}`, row]));
}

/** What must agree to the last unit, whatever the timing. */
const EXACT = [
  ...['qcur', 'qmax', 'scur', 'smax', 'stot', 'bin', 'bout', 'econ', 'wretr', 'wredis', 'status'],
  ...['weight', 'act', 'bck', 'chkfail', 'chkdown', 'lbtot', 'cli_abrt', 'srv_abrt'],
  ...['check_status', 'conn_tot', 'connect', 'check_rise', 'check_fall', 'check_health'],
];

describe('counters', () => {
  it('are those of HAProxy after the same traffic', async () => {
    const run = async (which: Which): Promise<Row[]> => {
      const [a, b, e] = [
        await peer('a', nameOnData),
        await peer('b', nameOnData),
        await peer('e', echo),
      ];
      const [gone, stats] = [await freePort(), await freePort()];
      const body = `listen x
 bind 127.0.0.1:PORT
 server a 127.0.0.1:${a.port} maxconn 1 check inter 200 rise 1 fall 2
 server b 127.0.0.1:${b.port} maxconn 1 check inter 200 rise 1 fall 2
listen y
 bind 127.0.0.1:${await freePort()}
 server e 127.0.0.1:${e.port}
frontend stats
 mode http
 no log
 bind 127.0.0.1:${stats}
 stats enable
 stats uri /s
listen z
 bind 127.0.0.1:GONE
 option redispatch
 retries 1
 timeout connect 200
 server gone 127.0.0.1:${gone}
 server e 127.0.0.1:${e.port} backup`;
      const zPort = await freePort();
      return withProxy(which, body.replace('GONE', String(zPort)), async (port, { out }) => {
        const first = new Client(port).send('one');
        await first.answer();
        const second = new Client(port).send('two!');
        await second.answer();
        const third = new Client(port).send('three');
        await new Promise((resolve) => setTimeout(resolve, 100));
        await first.leave();
        await third.answer();
        second.socket.resetAndDestroy();
        await third.leave();
        const refused = new Client(zPort).send('x');
        await until(() => refused.socket.readableEnded || refused.socket.destroyed, 'refused');
        refused.socket.destroy();
        await b.stop();
        await lineMatching(out, /Server x\/b is DOWN/);
        const last = new Client(port).send('?');
        await last.answer();
        await last.leave();
        const rows = await csv(stats);
        return [...rows]
          .filter(([name]) => /^[xyz]\//.test(name))
          .map(([name, row]) => ({
            name,
            // A star stands before the last check's status while the next one is on its way.
            ...Object.fromEntries(
              EXACT.map((column) => [column, (row[column] ?? '').replace(/^\* /, '')]),
            ),
          }));
      });
    };
    const [haproxy, bramble] = await Promise.all(BOTH.map(run));
    console.table(
      bramble!.map(({ name, stot, bin, bout, econ, wretr, lbtot, qmax, smax }) => ({
        ...{ name, stot, bin, bout, econ, wretr, lbtot, qmax, smax },
      })),
    );
    expect(bramble).toEqual(haproxy);
  });
});

describe('a check with a PROXY header', () => {
  it.each(['send-proxy', 'send-proxy-v2'])('sends what HAProxy sends: %s', async (how) => {
    const run = async (which: Which): Promise<string> => {
      let heard = '';
      const server = await peer('a', (socket) => {
        socket.on('data', (data) => {
          heard ||= data.toString('latin1');
        });
        socket.on('end', () => socket.end());
      });
      const body = `listen x\n bind 127.0.0.1:PORT
 server a 127.0.0.1:${server.port} ${how} check inter 100`;
      return withProxy(which, body, async () => {
        await until(() => heard.length > 0, 'a check');
        // Ports differ from run to run.
        return heard.replace(/\d+ \d+\r\n$/, 'FROM TO');
      });
    };
    const [haproxy, bramble] = await Promise.all(BOTH.map(run));
    expect(bramble).toBe(haproxy);
  });
});
