import type { ProxyConfig } from '../model.ts';
import type { Account } from './account.ts';
import type { ClientUser, ExchangeClient } from './client-side.ts';
import type { Upstream, UpstreamUser } from './upstream.ts';

/** Limits on silence, milliseconds; undefined = none. */
export interface TunnelLimits {
  readonly client: number | undefined;
  readonly server: number | undefined;
}

/** `timeout tunnel`, or what a rule says, in place of the usual limits. */
export function tunnelLimits(
  frontend: ProxyConfig,
  backend: ProxyConfig,
  fixed: number | undefined,
): TunnelLimits {
  const limit = fixed ?? backend.timeouts.tunnel;
  return {
    client: limit ?? frontend.timeouts.client,
    server: limit ?? backend.timeouts.server,
  };
}

/**
 * Bytes both ways, uninterpreted, after 101 or a CONNECT that succeeded (RFC 9110, 7.8 and
 * 9.3.6). Each side's FIN is passed on; it is over when both have sent theirs.
 */
export class Tunnel implements UpstreamUser, ClientUser {
  readonly wantsBody = true;
  readonly #client: ExchangeClient;
  readonly #upstream: Upstream;
  readonly #account: Account;
  readonly #limits: TunnelLimits;
  readonly #over: () => void;
  #clientEnded = false;
  #serverEnded = false;
  #closed = false;

  /** `over` is called once, when both connections may be forgotten. */
  constructor(
    client: ExchangeClient,
    upstream: Upstream,
    account: Account,
    limits: TunnelLimits,
    over: () => void,
  ) {
    this.#client = client;
    this.#upstream = upstream;
    this.#account = account;
    this.#limits = limits;
    this.#over = over;
  }

  /** `early` is what the server sent right behind its head. */
  start(clientEnded: boolean, early: Buffer | undefined): void {
    this.#upstream.user = this;
    this.#active();
    if (early) this.#toClient(early);
    if (clientEnded) this.clientEnded();
    else this.#client.resume();
  }

  takeBody(input: Buffer, offset: number): number {
    const chunk = offset === 0 ? input : input.subarray(offset);
    this.#account.bytesIn(chunk.length);
    this.#active();
    if (!this.#upstream.write('', [chunk])) this.#client.pause();
    return input.length;
  }

  upstreamData(chunk: Buffer): void {
    this.#toClient(chunk);
  }

  #toClient(chunk: Buffer): void {
    this.#account.bytesOut(chunk.length);
    this.#active();
    if (!this.#client.send('', [chunk])) this.#upstream.pause();
  }

  upstreamDrained(): void {
    this.#client.resume();
  }

  clientDrained(): void {
    this.#upstream.resume();
  }

  upstreamEnded(): void {
    this.#serverEnded = true;
    if (this.#clientEnded) this.#close('--');
    else this.#client.sendEnd();
  }

  clientEnded(): void {
    this.#clientEnded = true;
    if (this.#serverEnded) this.#close('--');
    else this.#upstream.sendEnd();
  }

  upstreamClosed(status: number): void {
    this.#close(status === 0 || this.#clientEnded ? '--' : 'SD');
  }

  clientClosed(): void {
    this.#close(this.#clientEnded || this.#serverEnded ? '--' : 'CD');
  }

  upstreamExpired(): void {
    // Both sides fall silent at once: with equal limits it is the client's, as in HAProxy's logs.
    const { client, server } = this.#limits;
    this.#close(client !== undefined && client <= server! ? 'cD' : 'sD');
  }

  clientExpired(): void {
    this.#close('cD');
  }

  #active(): void {
    this.#client.limit(this.#limits.client);
    this.#upstream.deadline.set(this.#limits.server);
  }

  #close(termination: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.pools.closed(this.#upstream.server);
    this.#upstream.finish();
    this.#account.close(termination);
    this.#over();
    this.#client.exchangeDone(false);
  }
}
