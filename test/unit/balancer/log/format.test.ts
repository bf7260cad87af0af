import { beforeAll, describe, expect, test } from 'vitest';
import { accessDate, isoDate, syslogDate } from '../../../../services/balancer/log/clock.ts';
import { FACILITIES } from '../../../../services/balancer/log/facilities.ts';
import { formatRecord } from '../../../../services/balancer/log/format.ts';
import { createHeader } from '../../../../services/balancer/log/header.ts';
import type {
  ConnectRecord,
  HttpRecord,
  TcpRecord,
} from '../../../../services/balancer/log/record.ts';
import type { LogLineFormat } from '../../../../services/balancer/model.ts';

beforeAll(() => {
  process.env.TZ = 'UTC';
});

const TIME = Date.UTC(2026, 10, 5, 9, 8, 7, 65);

const tcp: TcpRecord = {
  kind: 'tcp',
  clientAddress: '127.0.0.1',
  clientPort: 37_936,
  frontendAddress: '127.0.0.1',
  frontendPort: 18_903,
  startedAt: TIME,
  frontend: 'e',
  backend: 'e',
  server: 's1',
  queueTime: 1,
  connectTime: -1,
  totalTime: 3004,
  bytesToClient: 0,
  termination: 'SC',
  processConnections: 5,
  frontendConnections: 4,
  backendConnections: 3,
  serverConnections: 2,
  retries: 3,
  redispatched: false,
  serverQueue: 6,
  backendQueue: 7,
  early: false,
};

const http: HttpRecord = {
  ...tcp,
  kind: 'http',
  cookies: '--',
  requestTime: 10,
  connectTime: 11,
  responseTime: 12,
  status: 200,
  bytesToClient: 51,
  termination: '--',
  requestLine: 'GET /a HTTP/1.1',
};

const connect: ConnectRecord = {
  kind: 'connect',
  mode: 'http',
  clientAddress: '::1',
  clientPort: 4,
  frontendAddress: '::1',
  frontendPort: 80,
  frontend: 'hd',
};

describe('lines', () => {
  test('tcplog', () => {
    expect(formatRecord(tcp, 'tcplog')).toBe(
      '127.0.0.1:37936 [05/Nov/2026:09:08:07.065] e e/s1 1/-1/3004 0 SC 5/4/3/2/3 6/7',
    );
    expect(
      formatRecord({ ...tcp, server: undefined, redispatched: true, early: true }, 'tcplog'),
    ).toBe(
      '127.0.0.1:37936 [05/Nov/2026:09:08:07.065] e e/<NOSRV> 1/-1/+3004 +0 SC 5/4/3/2/+3 6/7',
    );
  });

  test('httplog', () => {
    expect(formatRecord(http, 'httplog')).toBe(
      '127.0.0.1:37936 [05/Nov/2026:09:08:07.065] e e/s1 10/1/11/12/3004 200 51 - - ---- ' +
        '5/4/3/2/3 6/7 "GET /a HTTP/1.1"',
    );
    const bad = { ...http, requestLine: undefined, status: 400, termination: 'PR', early: true };
    expect(formatRecord(bad, 'httplog')).toBe(
      '127.0.0.1:37936 [05/Nov/2026:09:08:07.065] e e/s1 10/1/11/12/+3004 400 +51 - - PR-- ' +
        '5/4/3/2/3 6/7 "<BADREQ>"',
    );
  });

  test('a connection, where no format is asked for', () => {
    const text = 'Connect from ::1:4 to ::1:80 (hd/HTTP)';
    expect(formatRecord(connect, undefined)).toBe(text);
    expect(formatRecord({ ...connect, mode: 'tcp' }, undefined)).toBe(text.replace('HTTP', 'TCP'));
    expect(formatRecord(connect, 'tcplog')).toBeUndefined();
    expect(formatRecord(tcp, undefined)).toBeUndefined();
    expect(formatRecord(http, undefined)).toBeUndefined();
  });

  test('each mode in the format of the other', () => {
    expect(formatRecord(http, 'tcplog')).toContain('1/11/3004 51 -- 5/4/3/2/3 6/7');
    expect(formatRecord(tcp, 'httplog')).toBe(formatRecord(tcp, 'tcplog'));
  });

  test.each([
    ['GET /"x" HTTP/1.1', 'GET /#22x#22 HTTP/1.1'],
    ['GET /a#b HTTP/1.1', 'GET /a#23b HTTP/1.1'],
    ['GET /\n\r\t\x7f\x00 HTTP/1.1', 'GET /#0A#0D#09#7F#00 HTTP/1.1'],
    ['GET /\xe9\xff HTTP/1.1', 'GET /#E9#FF HTTP/1.1'],
    ['GET /{a|b}~ HTTP/1.1', 'GET /{a|b}~ HTTP/1.1'],
  ])('a request line cannot forge one: %j', (requestLine, expected) => {
    expect(formatRecord({ ...http, requestLine }, 'httplog')).toContain(`"${expected}"`);
  });

  test('a request line is cut', () => {
    const requestLine = `GET /${'a'.repeat(5000)}`;
    const line = formatRecord({ ...http, requestLine }, 'httplog') ?? '';
    expect(/"(.*)"$/.exec(line)?.[1]).toHaveLength(1023);
  });
});

test('dates', () => {
  expect(accessDate(TIME)).toBe('05/Nov/2026:09:08:07.065');
  expect(accessDate(TIME + 0.9)).toBe('05/Nov/2026:09:08:07.065');
  expect(syslogDate(TIME)).toBe('Nov  5 09:08:07');
  expect(isoDate(TIME)).toBe('2026-11-05T09:08:07.065000+00:00');
  expect(isoDate(TIME + 1000)).toBe('2026-11-05T09:08:08.065000+00:00');
});

describe('headers', () => {
  const line = (format: LogLineFormat, hostname?: string) =>
    createHeader({ format, facility: 'local2' }, { tag: 'haproxy', hostname, pid: 9606 })(5, TIME);

  test.each<[LogLineFormat, string, string]>([
    ['local', '<149>Nov  5 09:08:07 haproxy[9606]: ', '<149>Nov  5 09:08:07 vm haproxy[9606]: '],
    [
      'rfc3164',
      '<149>Nov  5 09:08:07 localhost haproxy[9606]: ',
      '<149>Nov  5 09:08:07 vm haproxy[9606]: ',
    ],
    [
      'rfc5424',
      '<149>1 2026-11-05T09:08:07.065000+00:00 - haproxy 9606 - - ',
      '<149>1 2026-11-05T09:08:07.065000+00:00 vm haproxy 9606 - - ',
    ],
    ['priority', '<149>', '<149>'],
    ['short', '<5>', '<5>'],
    ['timed', '<5>2026-11-05T09:08:07.065000+00:00 ', '<5>2026-11-05T09:08:07.065000+00:00 '],
    ['iso', '2026-11-05T09:08:07.065000+00:00 ', '2026-11-05T09:08:07.065000+00:00 '],
    ['raw', '', ''],
  ])('%s', (format, anonymous, named) => {
    expect(line(format)).toBe(anonymous);
    expect(line(format, 'vm')).toBe(named);
  });

  test('facilities are numbered as in RFC 5424', () => {
    expect(FACILITIES).toHaveLength(24);
    expect(FACILITIES.indexOf('daemon')).toBe(3);
    expect(FACILITIES.indexOf('local0')).toBe(16);
  });
});
