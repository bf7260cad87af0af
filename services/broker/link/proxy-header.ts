import type { Socket } from 'node:net';
import { describeError } from '#core/errors.ts';
import { parseProxyV2 } from './proxy-v2.ts';
import type { TrustedAddresses } from './trusted.ts';

export interface ProxyHeaderOptions {
  trusted: TrustedAddresses;
  /** From accept to the end of the header, milliseconds. */
  connectTimeout: number;
  /** Told of a connection that ends here for the peer's fault. */
  refused: (address: string, why: string) => void;
}

/** Whoever connected, as the header says it; undefined for the balancer's own checks. */
export interface Source {
  address: string;
  port: number;
}

/** Takes the PROXY v2 header off the socket and tells what came behind it. */
export function takeProxyHeader(
  socket: Socket,
  options: ProxyHeaderOptions,
  taken: (rest: Buffer, source: Source | undefined) => void,
): void {
  const { trusted, connectTimeout, refused } = options;
  const peer = socket.remoteAddress;
  // Gone again already, as health checks are.
  if (peer === undefined) {
    socket.destroy();
    return;
  }
  if (!trusted.includes(peer)) {
    refused(peer, 'PROXY protocol from an address that is not trusted');
    socket.destroy();
    return;
  }
  let held: Buffer = Buffer.alloc(0);
  const overdue = setTimeout(() => socket.destroy(), connectTimeout);
  const failed = (): void => {
    clearTimeout(overdue);
    socket.destroy();
  };
  const onData = (chunk: Buffer): void => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    try {
      const header = parseProxyV2(held);
      if (header === undefined) return;
      clearTimeout(overdue);
      socket.off('data', onData);
      socket.off('error', failed);
      socket.off('close', failed);
      socket.off('end', failed);
      taken(held.subarray(header.length), header.source);
    } catch (error) {
      refused(peer, describeError(error));
      failed();
    }
  };
  socket.on('data', onData);
  socket.on('error', failed);
  socket.on('end', failed);
  socket.on('close', failed);
}
