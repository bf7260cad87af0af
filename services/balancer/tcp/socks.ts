import { isIPv4 } from 'node:net';
import type { Address } from '../model.ts';
import { createWriteRequest, readResult, type TcpHandle } from './handle.ts';

/** SOCKS 4: version, command CONNECT, port, IPv4 address, a user ended by NUL. */
const VERSION = 4;
const CONNECT = 1;
const USER = 'HAProxy';
const GRANTED = 90;
/** Bytes of the answer: a NUL, the verdict, and an address that means nothing. */
export const SOCKS_ANSWER = 8;

/** EPROTO, and EAFNOSUPPORT: only IPv4 addresses can be asked for. */
const REFUSED = -71;
const NO_FAMILY = -97;

/** The first message to a SOCKS 4 proxy; undefined where it cannot be asked for this address. */
export function socksRequest({ host, port }: Address): Buffer | undefined {
  if (!isIPv4(host)) return undefined;
  return Buffer.concat([
    Buffer.from([VERSION, CONNECT, port >> 8, port & 0xff, ...host.split('.').map(Number)]),
    Buffer.from(`${USER}\0`),
  ]);
}

export const isGranted = (answer: Uint8Array): boolean => answer[0] === 0 && answer[1] === GRANTED;

/** No handle reads more here than is left of the answer: what the server says is not ours. */
const answer = Buffer.allocUnsafeSlow(SOCKS_ANSWER);

/**
 * Asks the SOCKS 4 proxy at the other end of a new connection for `to` (`socks4`: HAProxy 2.6
 * manual, section 5.2). `done` gets 0 or a negative errno once; the caller keeps the time.
 */
export function askSocks(handle: TcpHandle, to: Address, done: (status: number) => void): void {
  const request = socksRequest(to);
  const got: number[] = [];
  let open = true;
  const finish = (status: number): void => {
    if (!open) return;
    open = false;
    handle.readStop();
    done(status);
  };
  if (!request) {
    setImmediate(finish, NO_FAMILY);
    return;
  }
  const room = (): void => handle.useUserBuffer(answer.subarray(0, SOCKS_ANSWER - got.length));
  handle.onread = () => {
    const result = readResult();
    if (result === 0 || !open) return undefined;
    if (result < 0) {
      finish(REFUSED);
      return undefined;
    }
    got.push(...answer.subarray(0, result));
    if (got.length < SOCKS_ANSWER) room();
    else finish(isGranted(Uint8Array.from(got)) ? 0 : REFUSED);
    return undefined;
  };
  room();
  const write = createWriteRequest(handle, (status) => {
    if (status !== 0) finish(status);
  });
  write.buffer = request;
  const status = handle.writeBuffer(write, request) || handle.readStart();
  if (status !== 0) setImmediate(finish, status);
}
