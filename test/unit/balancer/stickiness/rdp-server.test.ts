import { describe, expect, it } from 'vitest';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import { rdpServer } from '../../../../services/balancer/stickiness/rdp-server.ts';
import { checkConfig, proxyConfig } from '../../../support/balancer-config.ts';

/** The first packet of a client, with a cookie. */
function packetOf(cookie: string): Buffer {
  const line = `Cookie: ${cookie}\r\n`;
  const length = 11 + line.length;
  const header = [3, 0, length >> 8, length & 255, length - 5, 0xe0, 0, 0, 0, 0, 0];
  return Buffer.concat([Buffer.from(header), Buffer.from(line)]);
}

describe('rdpServer', () => {
  const backendOf = (persist: boolean) =>
    new Backend(
      proxyConfig(
        [
          { host: '10.0.0.1', port: 3389 },
          { host: '10.0.0.2', port: 3389, check: checkConfig() },
        ],
        { persistRdpCookie: 'msts', persist },
      ),
      () => {},
    );
  // 10.0.0.2 and 3389, as little-endian words in decimal.
  const second = packetOf(`msts=${0x0200000a}.${0x3d0d}.0000`);

  it('finds the server that the cookie names', () => {
    const backend = backendOf(false);
    expect(rdpServer(backend, [second])).toBe(backend.servers[1]);
    expect(rdpServer(backend, [packetOf(`msts=${0x0200000a}.${0x3d0e}.0000`)])).toBeUndefined();
    expect(rdpServer(backend, [packetOf('mstshash=alice')])).toBeUndefined();
    expect(rdpServer(backend, [packetOf('msts=x.y.z')])).toBeUndefined();
    expect(rdpServer(backend, [])).toBeUndefined();
  });

  it('insists on one that is down only under option persist', () => {
    for (const persist of [false, true]) {
      const backend = backendOf(persist);
      backend.servers[1]!.checked({ status: 'L4CON', duration: 0 });
      expect(rdpServer(backend, [second])).toBe(persist ? backend.servers[1] : undefined);
    }
  });
});
