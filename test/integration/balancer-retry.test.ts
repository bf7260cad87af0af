import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Origin, requestOf, type Script, talk } from '../support/http-peers.ts';
import { until } from '../support/tcp-peers.ts';
import { both, withListens } from '../support/webs.ts';

let origins: Origin[] = [];

beforeAll(async () => {
  origins = ['a', 'b'].map((name) => new Origin(name));
  await Promise.all(origins.map((origin) => origin.start()));
});

afterAll(async () => {
  await Promise.all(origins.map(({ peer }) => peer.stop()));
});

const FAULTS: Readonly<Record<string, Script>> = {
  nothing: [null],
  reset: ['rst'],
  half: ['HTTP/1.1 200 OK\r\nContent-', null],
  junk: ['no such thing\r\n\r\n'],
  silence: [],
  '404': ['HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno'],
  '503': ['HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno'],
};

const REQUESTS: Readonly<Record<string, string>> = {
  GET: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  POST: 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello',
};

const RULES = [
  'retry-on none',
  'retry-on conn-failure',
  'retry-on empty-response',
  'retry-on junk-response',
  'retry-on response-timeout',
  'retry-on 404 503',
  'retry-on all-retryable-errors',
  'retry-on all-retryable-errors\n option redispatch',
  'retry-on all-retryable-errors\n option redispatch\n retries 1',
  'retry-on all-retryable-errors\n retries 0',
];

/** The first server fails in one way, the second serves; what client, servers and log see. */
describe('retry-on, side by side with HAProxy', () => {
  it.each(Object.keys(FAULTS))(
    'after %s',
    async (fault) => {
      const lines = origins
        .map(({ peer, port }) => ` server ${peer.name} 127.0.0.1:${port}`)
        .join('\n');
      const cases = RULES.flatMap((rule) => Object.keys(REQUESTS).map((kind) => ({ rule, kind })));
      // A proxy for each, so that the first server has the first turn, and on a new connection.
      const bodies = cases.map(
        ({ rule }) => ` timeout server 200\n balance roundrobin\n ${rule}\n${lines}`,
      );
      const { haproxy, bramble } = await both((which) =>
        withListens(which, bodies, async (ports, { out }) => {
          origins[0]!.script = FAULTS[fault]!;
          const see = async ({ rule, kind }: (typeof cases)[number], index: number) => {
            const talking = { limit: 3000, quiet: 50 };
            const { text } = await talk(ports[index]!, [REQUESTS[kind]!], talking);
            const find = () =>
              out.find(
                (each) => each.includes(` x${index} x${index}/`) && each.includes('HTTP/1.1'),
              );
            await until(() => find() !== undefined, 'a line');
            const retries = /\/(\+?\d+) \d+\/\d+ "/.exec(find()!)?.[1];
            return [rule, kind, text, requestOf(find()!), retries];
          };
          return await Promise.all(cases.map(see));
        }),
      );
      expect(bramble).toEqual(haproxy);
    },
    120_000,
  );
});
