import { describe, expect, test } from 'vitest';
import type { LocalResponse } from '../../../../services/balancer/http/errors.ts';
import type { StatsConfig } from '../../../../services/balancer/model.ts';
import { COLUMNS } from '../../../../services/balancer/stats/columns.ts';
import { StatsResponder } from '../../../../services/balancer/stats/responder.ts';
import { goodRequest } from '../http/heads.ts';
import { CHECK, proxy, STATS, server, viewOf } from './view.ts';

const none = { idle: () => 0, safe: () => 0, used: () => 0, need: () => 0 };
const basic = (text: string): string =>
  `Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`;
const GUEST = basic('guest:s3cret');

function ask(target: string, fields = GUEST, stats: Partial<StatsConfig> = {}, method = 'GET') {
  const view = viewOf(
    proxy({
      name: '<web>',
      stats: { ...STATS, ...stats },
      servers: [server({ check: CHECK }), server({ name: 'gone', id: 2, check: CHECK })],
    }),
    proxy({ name: 'plain', id: 2, mode: 'tcp' }),
  );
  view.backends[0]!.servers[1]!.checked({ status: 'L4TOUT', duration: 5 });
  const [frontend] = view.frontends;
  const responder = new StatsResponder(view, none);
  const answer = responder.respond(
    goodRequest(`${method} ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`),
    frontend!.config,
  );
  return { answer };
}

const body = (answer: LocalResponse | undefined): string => answer?.body.toString() ?? '';

describe('whose request it is', () => {
  test('the address is a prefix, also of an absolute target', () => {
    expect(ask('/haproxy?stats').answer?.status).toBe(200);
    expect(ask('/haproxy?stats;csv;x').answer?.status).toBe(200);
    expect(ask('http://a/haproxy?stats').answer?.status).toBe(200);
    for (const target of ['/', '/haproxy', 'http://a/', 'http://a', '*']) {
      expect(ask(target).answer, target).toBeUndefined();
    }
    expect(ask('/haproxy?stats', GUEST, {}, 'PUT').answer).toBeUndefined();
  });
});

describe('who may see it', () => {
  test.each([
    ['nothing', ''],
    ['a wrong password', basic('guest:s3cre')],
    ['a longer password', basic('guest:s3crett')],
    ['another user', basic('root:s3cret')],
    ['no colon', basic('guest')],
    ['another scheme', 'Authorization: Bearer abc\r\n'],
    ['no base64', 'Authorization: Basic ***\r\n'],
    ['nothing in base64', 'Authorization: Basic \r\n'],
  ])('%s is asked for a password', (_name, fields) => {
    const { answer } = ask('/haproxy?stats', fields);
    expect(answer?.status).toBe(401);
    expect(answer?.text).toContain('www-authenticate: Basic realm="HAProxy Statistics"\r\n');
    expect(body(answer)).not.toContain('gone');
  });

  test('the right one is let in, and everybody where no user is named', () => {
    expect(ask('/haproxy?stats').answer?.status).toBe(200);
    expect(ask('/haproxy?stats', '', { users: [] }).answer?.status).toBe(200);
    const two = { users: [...STATS.users, { user: 'b', password: 'x:y' }] };
    expect(ask('/haproxy?stats', basic('b:x:y'), two).answer?.status).toBe(200);
  });

  test('a realm cannot break out of its quotes', () => {
    const { answer } = ask('/haproxy?stats', '', { realm: 'a"b' });
    expect(answer?.text).toContain('realm="a\\"b"\r\n');
  });
});

describe('what it answers', () => {
  test('CSV: a value for every column, the lines that HAProxy has', () => {
    const text = body(ask('/haproxy?stats;csv').answer);
    const [header, ...lines] = text.split('\n').filter((line) => line !== '');
    expect(header?.startsWith('# pxname,svname,qcur,qmax,scur,')).toBe(true);
    expect(lines).toHaveLength(6);
    for (const line of lines) expect(line.split(',')).toHaveLength(COLUMNS.length + 1);
    expect(lines[2]).toContain('<web>,gone,');
    expect(lines[2]).toContain(',DOWN,');
  });

  test('JSON: typed fields, one list a row', () => {
    const rows = JSON.parse(body(ask('/haproxy?stats;json').answer)) as {
      objType: string;
      field: { pos: number; name: string };
      value: { type: string; value: unknown };
    }[][];
    expect(rows.map(([field]) => field?.objType)).toEqual([
      'Frontend',
      'Server',
      'Server',
      'Backend',
      'Frontend',
      'Backend',
    ]);
    expect(rows[2]?.find(({ field }) => field.name === 'status')).toMatchObject({
      field: { pos: 17, name: 'status' },
      value: { type: 'str', value: 'DOWN' },
    });
    expect(rows[0]?.find(({ field }) => field.name === 'ssl_sess')?.field.pos).toBe(103);
  });

  test('the page: every server with its state as a word, names escaped, no script', () => {
    const html = body(ask('/haproxy?stats').answer);
    expect(html).toContain('&#60;web&#62;');
    expect(html).not.toContain('<web>');
    expect(html).not.toMatch(/<script|https?:\/\//);
    expect(html).toMatch(/<tr class="down"><th scope="row">gone/);
    expect(html).toMatch(/>DOWN <i>\d+s<\/i><\/span>/);
    expect(html).toContain('prefers-color-scheme: dark');
    expect(html).toContain('name="viewport"');
  });

  test('hide-version hides the program', () => {
    expect(body(ask('/haproxy?stats').answer)).toContain('Bramble');
    expect(body(ask('/haproxy?stats', GUEST, { hideVersion: true }).answer)).not.toContain(
      'Bramble',
    );
  });

  test(';up leaves out servers that are down', () => {
    for (const format of ['', ';csv', ';json']) {
      expect(body(ask(`/haproxy?stats;up${format}`).answer)).not.toContain('gone');
    }
  });

  test('refresh is a header, unless ;norefresh', () => {
    expect(ask('/haproxy?stats').answer?.text).toContain('refresh: 5\r\n');
    expect(ask('/haproxy?stats;norefresh').answer?.text).not.toContain('refresh:');
    expect(ask('/haproxy?stats', GUEST, { refresh: undefined }).answer?.text).not.toContain(
      'refresh:',
    );
  });

  test('a form is told that it was denied', () => {
    const { answer } = ask('/haproxy?stats', GUEST, {}, 'POST');
    expect(answer?.status).toBe(303);
    expect(answer?.text).toContain('location: /haproxy?stats;st=DENY\r\n');
  });
});
