import { END_OF_STREAM, readBytes, readResult, type TcpHandle } from '../tcp/handle.ts';
import type { ProxyEnds } from '../tcp/proxy-header.ts';
import { Ticket, type TimerWheel, wheelNow } from '../tcp/timer-wheel.ts';
import { PROXY_HEADER_MAX, parseProxyHeader } from './proxy-parser.ts';

export interface ReceivedHeader {
  readonly ends: ProxyEnds | undefined;
  /** What came behind it in the same reads. */
  readonly rest: Buffer | undefined;
}

/**
 * Reads the PROXY header that `accept-proxy` demands. `done` gets undefined when none came within
 * `limit` milliseconds or something else did: the connection is closed by then.
 */
export function receiveProxyHeader(
  handle: TcpHandle,
  wheel: TimerWheel,
  limit: number,
  done: (header: ReceivedHeader | undefined) => void,
): void {
  let bytes = Buffer.alloc(0);
  const fail = (): void => {
    wheel.clear(ticket);
    handle.close();
    done(undefined);
  };
  const ticket = new Ticket({
    due: () => {
      fail();
      return 0;
    },
  });
  handle.onread = (data) => {
    const result = readResult();
    if (result === 0) return undefined;
    if (result < 0 || data === undefined || result === END_OF_STREAM) {
      fail();
      return undefined;
    }
    bytes = Buffer.concat([bytes, readBytes(data, result)]);
    const parsed = parseProxyHeader(bytes);
    if (parsed.kind === 'header') {
      wheel.clear(ticket);
      handle.readStop();
      const rest = bytes.length > parsed.length ? bytes.subarray(parsed.length) : undefined;
      done({ ends: parsed.ends, rest });
    } else if (parsed.kind === 'invalid' || bytes.length > PROXY_HEADER_MAX) {
      fail();
    }
    return undefined;
  };
  wheel.set(ticket, wheelNow() + limit);
  if (handle.readStart() !== 0) fail();
}
