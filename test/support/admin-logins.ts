import { expect } from 'vitest';
import { Peer } from './broker-peer.ts';

/** Of the administration of the broker under test. */
export const ADMIN_TOKEN = '0123456789abcdef0123456789abcdef';

/** Of cluster.yaml, its `mqtt`: an administrator, and somebody who is none. */
export const ADMIN_USERS = `{ users: [ { name: root, password: toor, admin: true },
  { name: lamp, password: dark } ] }`;

/** Clients that are closed together when the tests of a file are over. */
export class Logins {
  readonly #peers: Peer[] = [];

  /** A client that is let in, as the one who is no administrator unless `extra` says otherwise. */
  async open(port: number, clientId: string, extra = {}): Promise<Peer> {
    const peer = await Peer.open(port);
    this.#peers.push(peer);
    const answer = await peer.connect({
      version: 5,
      clientId,
      username: 'lamp',
      password: 'dark',
      ...extra,
    });
    expect(answer.reasonCode).toBe(0);
    return peer;
  }

  close(): void {
    for (const peer of this.#peers) peer.socket.destroy();
  }
}
