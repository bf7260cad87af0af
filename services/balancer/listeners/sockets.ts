import net from 'node:net';
import type { TcpHandle } from '../tcp/handle.ts';
import { KEEPALIVE_IDLE } from '../tcp/keepalive.ts';
import { SHARED_READ } from '../tcp/shared-read.ts';
import type { ConnectionHandler, HandleHandler } from './handler.ts';

/** Lets a plane that works on streams serve a listener: wraps handles as `net.Server` would. */
export function onSockets(handler: ConnectionHandler): HandleHandler {
  return ({ handle, ...accepted }, context, done) => {
    const socket = accepted.tls?.socket ?? socketOf(handle);
    socket.setNoDelay(true);
    if (context.config.options.clitcpka) socket.setKeepAlive(true, KEEPALIVE_IDLE * 1000);
    socket.once('close', done);
    handler({ ...accepted, socket }, context);
  };
}

function socketOf(handle: TcpHandle): net.Socket {
  // `handle` and `pauseOnCreate` are how net.Server makes its sockets.
  const options: object = {
    handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    readable: true,
    writable: true,
    onread: SHARED_READ,
  };
  return new net.Socket(options);
}
