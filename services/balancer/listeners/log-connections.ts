import type { HandleHandler } from './handler.ts';

/**
 * Logs each connection before the plane gets it: all that a frontend without a log format writes
 * (HAProxy 2.6 manual, section 8.2.1).
 */
export function logConnections(handler: HandleHandler): HandleHandler {
  return (connection, context, done) => {
    const { host, port, localHost, localPort } = connection.client;
    context.log({
      kind: 'connect',
      mode: context.config.mode,
      clientAddress: host,
      clientPort: port,
      frontendAddress: localHost,
      frontendPort: localPort,
      frontend: context.config.name,
    });
    handler(connection, context, done);
  };
}
