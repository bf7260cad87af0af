import { type CheckMethod, expectStep, implicitConnect, numbered, sendStep } from '../steps.ts';

/** `option redis-check`: PING has to be answered with PONG (RESP, simple strings). */
export function redisCheck(): CheckMethod {
  const pong = '+PONG\r\n';
  return {
    kind: 'script',
    protocol: 'other',
    drainOn404: false,
    steps: [
      implicitConnect(),
      ...numbered([
        sendStep(Buffer.from('*1\r\n$4\r\nPING\r\n')),
        expectStep(
          { kind: 'string', data: Buffer.from(pong), shown: pong },
          {
            fault: 'L7STS',
            onSuccess: () => 'Redis server is ok',
            onError: ({ input }) => /^[^\r\n]*/.exec(input.toString('latin1'))![0],
          },
        ),
      ]),
    ],
  };
}
