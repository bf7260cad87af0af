import { type CheckMethod, connectStep, expectStep, numbered, sendStep } from '../steps.ts';

/** Protocol 3.0 (PostgreSQL manual, "Message Formats", StartupMessage). */
const VERSION = 0x0003_0000;

/** `option pgsql-check user <name>`: any answer to the start-up but an error will do. */
export function postgresCheck(user: string): CheckMethod {
  const parameters = Buffer.from(`user\0${user}\0\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(head.length + parameters.length, 0);
  head.writeUInt32BE(VERSION, 4);
  return {
    kind: 'script',
    protocol: 'other',
    drainOn404: false,
    steps: numbered([
      connectStep({ defaults: true, linger: true }),
      sendStep(Buffer.concat([head, parameters])),
      expectStep(
        { kind: 'rstring', pattern: /^E/ },
        {
          negated: true,
          minReceived: 5,
          fault: 'L7RSP',
          onError: ({ input }) => input.toString('latin1', 6),
        },
      ),
      // AuthenticationOk and the requests for one or another proof.
      expectStep(
        { kind: 'rbinary', pattern: /^52000000[0-9A-F]{2}000000(00|02|03|04|05|06|07|09|0A)/ },
        {
          minReceived: 9,
          fault: 'L7STS',
          onSuccess: () => 'PostgreSQL server is ok',
          onError: () => 'PostgreSQL unknown error',
        },
      ),
    ]),
  };
}
