import { isIPv4 } from 'node:net';
import { rdpCookie } from '../policies/hashing/rdp-cookie.ts';
import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';

/**
 * The server that an RDP client's cookie names (manual, `persist rdp-cookie`): Windows' own format,
 * `address.port.0000`, both in decimal and with their bytes as they lie in memory there. Undefined
 * where nothing names one that can be had.
 */
export function rdpServer(backend: Backend, data: readonly Buffer[]): Server | undefined {
  const { persistRdpCookie, persist } = backend.config;
  if (persistRdpCookie === undefined || data.length === 0) return undefined;
  const found = /^(\d{1,10})\.(\d{1,5})\./.exec(rdpCookie(data, persistRdpCookie) ?? '');
  if (!found) return undefined;
  const bytes = Buffer.alloc(6);
  bytes.writeUInt32LE(Number(found[1]) % 2 ** 32);
  bytes.writeUInt16LE(Number(found[2]) % 2 ** 16, 4);
  const host = bytes.subarray(0, 4).join('.');
  const port = bytes.readUInt16BE(4);
  return backend.servers.find(
    ({ config, running }) =>
      isIPv4(config.host) && config.host === host && config.port === port && (running || persist),
  );
}
