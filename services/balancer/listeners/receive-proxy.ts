import { END_OF_STREAM, readBytes, readResult, type TcpHandle } from '../tcp/handle.ts';
import type { ProxyEnds } from '../tcp/proxy-header.ts';
import { Ticket, type TimerWheel, wheelNow } from '../tcp/timer-wheel.ts';
import { PROXY_HEADER_MAX, type ProxyFault, parseProxyHeader } from './proxy-parser.ts';

export interface ReceivedHeader {
  readonly ends: ProxyEnds | undefined;
  /** What came behind it in the same reads. */
  readonly rest: Buffer | undefined;
}

/**
 * Reads the PROXY header that `accept-proxy` demands. `done` gets the fault when none came
 * within `limit` milliseconds or something else did: the connection is closed by then.
 */
export function receiveProxyHeader(
  handle: TcpHandle,
  wheel: TimerWheel,
  limit: number,
  done: (result: ReceivedHeader | ProxyFault) => void,
): void {
  let bytes = Buffer.alloc(0);
  const fail = (fault: ProxyFault): void => {
    wheel.clear(ticket);
    handle.close();
    done(fault);
  };
  const ticket = new Ticket({
    due: () => {
      fail('Timeout while waiting for PROXY protocol header');
      return 0;
    },
  });
  handle.onread = (data) => {
    const result = readResult();
    if (result === 0) return undefined;
    if (result < 0 || data === undefined) {
      const empty = bytes.length === 0;
      if (result !== END_OF_STREAM)
        fail('Connection error while waiting for PROXY protocol header');
      else if (empty) fail('Connection closed while waiting for PROXY protocol header');
      else fail('Truncated PROXY protocol header received');
      return undefined;
    }
    bytes = Buffer.concat([bytes, readBytes(data, result)]);
    const parsed = parseProxyHeader(bytes);
    if (parsed.kind === 'header') {
      wheel.clear(ticket);
      handle.readStop();
      const rest = bytes.length > parsed.length ? bytes.subarray(parsed.length) : undefined;
      done({ ends: parsed.ends, rest });
    } else if (parsed.kind === 'invalid') {
      fail(parsed.fault);
    } else if (bytes.length > PROXY_HEADER_MAX) {
      fail('Truncated PROXY protocol header received');
    }
    return undefined;
  };
  wheel.set(ticket, wheelNow() + limit);
  if (handle.readStart() !== 0) fail('Connection error while waiting for PROXY protocol header');
}
