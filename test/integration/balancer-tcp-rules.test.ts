import { describe, expect, test } from 'vitest';
import { OK, Origin, talk } from '../support/http-peers.ts';
import { withProxy } from '../support/side-by-side.ts';

interface Case {
  name: string;
  /** Lines of the frontend. */
  lines: string;
  pieces: readonly string[];
}

const MQTT = '\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04abcd';
const HELLO =
  '\x16\x03\x01\0\x45\x01\0\0\x41\x03\x03' +
  'r'.repeat(32) +
  '\0\0\x02\x13\x01\x01\0\0\x16\0\0\0\x12\0\x10\0\0\x0dexample.local';
const DELAY = 'tcp-request inspect-delay 300ms\n';

const CASES: readonly Case[] = [
  { name: 'connection reject', lines: 'tcp-request connection reject', pieces: ['x\r\n\r\n'] },
  {
    name: 'connection reject of others',
    lines: 'tcp-request connection reject if !{ src 127.0.0.0/8 }',
    pieces: ['x\r\n\r\n'],
  },
  {
    name: 'connection accept ends the list',
    lines: 'tcp-request connection accept if LOCALHOST\ntcp-request connection reject',
    pieces: ['x\r\n\r\n'],
  },
  {
    name: 'session reject',
    lines: 'tcp-request session reject if { src 127.0.0.1 }',
    pieces: ['x'],
  },
  {
    name: 'content reject by what came',
    lines: `${DELAY}tcp-request content reject if { req.payload(0,3) -m str bad }`,
    pieces: ['bad\r\n\r\n'],
  },
  {
    name: 'content accepted, in two pieces',
    lines: `${DELAY}tcp-request content reject if { req.payload(0,3) -m str bad }`,
    pieces: ['g', 'ood\r\n\r\n'],
  },
  {
    name: 'content rejected, in two pieces',
    lines: `${DELAY}tcp-request content reject if { req.payload(0,3) -m str bad }`,
    pieces: ['b', 'ad\r\n\r\n'],
  },
  {
    name: 'waits for nothing and rejects at the end',
    lines: `${DELAY}tcp-request content accept if { req.len gt 100 }\ntcp-request content reject if WAIT_END`,
    pieces: ['short\r\n\r\n'],
  },
  {
    name: 'a whole CONNECT passes',
    lines: `${DELAY}tcp-request content reject unless { req.payload(0,0),mqtt_is_valid }`,
    pieces: [MQTT],
  },
  {
    name: 'no CONNECT is rejected',
    lines: `${DELAY}tcp-request content reject unless { req.payload(0,0),mqtt_is_valid }`,
    pieces: ['GET / HTTP/1.1\r\n\r\n'],
  },
  {
    name: 'backend by server name',
    lines: `${DELAY}tcp-request content accept if { req.ssl_hello_type 1 }\nuse_backend none if { req.ssl_sni -i example.local }`,
    pieces: [HELLO],
  },
  ...['3.0-3.3', 'gt 3', 'gt 3.3', '3.3'].map((version) => ({
    name: `TLS of version ${version}`,
    lines: `${DELAY}tcp-request content reject if { req.ssl_ver ${version} }`,
    pieces: [HELLO],
  })),
  {
    name: 'variables from the connection to its content',
    lines: `${DELAY}tcp-request connection set-var(sess.a) int(5)\ntcp-request content reject if { var(sess.a) -m int 5 } { req.len gt 0 }`,
    pieces: ['x\r\n\r\n'],
  },
  {
    name: 'a log format',
    lines: 'log-format "%ci %f %b %s %ts %B %U %[src] %[dst_port,mul(0)]"',
    pieces: ['x\r\n\r\n'],
  },
];

describe('rules on connections, side by side with HAProxy', () => {
  test.each(CASES)('$name', async ({ lines, pieces }) => {
    const origin = new Origin();
    await origin.start();
    try {
      const see = (which: 'haproxy' | 'bramble') => {
        const body = `
frontend f
    bind 127.0.0.1:PORT
    default_backend b
    ${lines.replaceAll('\n', '\n    ')}
backend b
    server s1 127.0.0.1:${origin.port}
backend none
`;
        return withProxy(which, body, async (port, proxy) => {
          origin.script = OK;
          origin.received = '';
          const from = proxy.out.length;
          const { text, end } = await talk(port, pieces, { limit: 1200, quiet: 100 });
          await new Promise((resolve) => setTimeout(resolve, 400));
          const log = proxy.out.slice(from).map((line) =>
            line
              .replace(/^\S+ \[[^\]]*\]/, 'CLIENT [DATE]')
              // The probe of the start may still count.
              .replace(/ \d+(?=(?:\/\d+){3}\/\+?\d+ )/, ' N')
              .replace(/ (-?\d+\/)+\+?\d+ /, (times) => times.replace(/(?<!-)\b\d+/g, 'N')),
          );
          return { text, closed: end !== 'open', origin: origin.received, log };
        });
      };
      const theirs = await see('haproxy');
      expect(await see('bramble')).toEqual(theirs);
    } finally {
      await origin.peer.stop();
    }
  });
});
