import {
  type CheckMethod,
  type CheckText,
  connectStep,
  expectStep,
  numbered,
  sendStep,
} from '../steps.ts';

/** The first line of what came, without the status and the blanks behind it (RFC 5321, 4.2). */
const afterStatus: CheckText = ({ input }) =>
  firstLine(input.toString('latin1', 4).replace(/^ +/, ''));

const firstLine = (text: string): string => /^[^\r\n]*/.exec(text)![0];

const MIN_REPLY = 4;

/**
 * `option smtpchk`: waits for the greeting, says `hello` and `QUIT`s once that is answered with a
 * 2xx (RFC 5321, 4.1.1.1 and 3.1).
 */
export function smtpCheck(hello: string): CheckMethod {
  const code = ({ input }: { input: Buffer }): number | undefined => {
    const value = Number.parseInt(input.toString('latin1', 0, 3), 10);
    return Number.isNaN(value) ? undefined : value;
  };
  const rstring = (source: string) => ({ kind: 'rstring', pattern: new RegExp(source) }) as const;
  return {
    kind: 'script',
    protocol: 'other',
    drainOn404: false,
    steps: numbered([
      connectStep({ defaults: true, linger: true }),
      expectStep(rstring('^[0-9]{3}[ \\r]'), {
        minReceived: MIN_REPLY,
        fault: 'L7RSP',
        onError: ({ input }) => firstLine(input.toString('latin1')),
      }),
      expectStep(rstring('^2[0-9]{2}[ \\r]'), {
        minReceived: MIN_REPLY,
        fault: 'L7STS',
        onError: afterStatus,
        code,
      }),
      sendStep(Buffer.from(`${hello}\r\n`)),
      // All lines of an answer that has several.
      expectStep(rstring('^(2[0-9]{2}-[^\\r]*\\r\\n)*2[0-9]{2}[ \\r]'), {
        fault: 'L7STS',
        onError: afterStatus,
        onSuccess: afterStatus,
        code,
      }),
      sendStep(Buffer.from('QUIT\r\n')),
      expectStep(rstring('^2[0-9]{2}[- \\r]'), {
        minReceived: MIN_REPLY,
        fault: 'L7STS',
        onError: afterStatus,
        onSuccess: afterStatus,
        code,
      }),
    ]),
  };
}
