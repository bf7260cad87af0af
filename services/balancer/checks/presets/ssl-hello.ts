import { randomBytes } from 'node:crypto';
import { type CheckMethod, expectStep, implicitConnect, numbered, sendStep } from '../steps.ts';

/** Cipher suites of SSLv3 (RFC 6101, A.6) and those with AES (RFC 3268), by number. */
const SUITES = Buffer.from(
  [...range(0x01, 0x1b), ...range(0x2f, 0x3a)].flatMap((suite) => [0, suite]),
);
const VERSION = [3, 0];
const RANDOM = 28;

/**
 * `option ssl-hello-chk`: sends an SSLv3 ClientHello (RFC 6101, 5.6.1.2) and takes a ServerHello or
 * an alert, both of which only such a server sends. One for servers that a TLS library of today
 * cannot speak to.
 */
export function sslHelloCheck(): CheckMethod {
  return {
    kind: 'script',
    protocol: 'other',
    drainOn404: false,
    steps: [
      implicitConnect(),
      ...numbered([
        sendStep(() => clientHello().toString('latin1')),
        expectStep(
          { kind: 'rbinary', pattern: /^1[56]/ },
          { minReceived: 5, ok: 'L6OK', fault: 'L6RSP', timeout: 'L6TOUT' },
        ),
      ]),
    ],
  };
}

function clientHello(): Buffer {
  const time = Buffer.alloc(4);
  time.writeUInt32BE(Math.floor(Date.now() / 1000));
  const suites = Buffer.alloc(2);
  suites.writeUInt16BE(SUITES.length);
  const body = Buffer.concat([
    Buffer.from(VERSION),
    time,
    randomBytes(RANDOM),
    Buffer.from([0]),
    suites,
    SUITES,
    // One way of compression: none.
    Buffer.from([1, 0]),
  ]);
  return Buffer.concat([
    Buffer.from([0x16, ...VERSION, 0, body.length + 4, 1, 0, 0, body.length]),
    body,
  ]);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
