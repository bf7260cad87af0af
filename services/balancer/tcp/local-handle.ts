import type { ConnectRequest, TcpHandle } from './handle.ts';

interface PipeBinding {
  Pipe: new (type: number) => TcpHandle;
  PipeConnectWrap: new () => ConnectRequest;
  constants: { SOCKET: number };
}

const { Pipe, PipeConnectWrap, constants } = (
  process as unknown as { binding(name: 'pipe_wrap'): PipeBinding }
).binding('pipe_wrap');

const nothing = (): number => 0;

/**
 * Gives a unix socket what only TCP has: options that mean nothing there, names of its ends (it has
 * none), and a reset, which is a close.
 */
export function adoptLocal(handle: TcpHandle): TcpHandle {
  return Object.assign(handle, {
    setNoDelay: nothing,
    setKeepAlive: nothing,
    getpeername: nothing,
    getsockname: nothing,
    reset(this: TcpHandle): number {
      this.close();
      return 0;
    },
  });
}

/** An unconnected unix socket. */
export const createLocalHandle = (): TcpHandle => adoptLocal(new Pipe(constants.SOCKET));
export const createLocalRequest = (): ConnectRequest => new PipeConnectWrap();
/** Whether a handle is a unix socket's. */
export const isLocal = (handle: unknown): boolean => handle instanceof Pipe;
