import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startHaproxy } from '../../support/haproxy.ts';
import { freePort } from '../../support/ports.ts';
import { affordable } from './descriptors.ts';

export const BODY_BYTES = 1_000_000;

export interface BenchOrigin {
  port: number;
  close(): Promise<void>;
}

/** The server behind all proxies: the fastest at hand, so that it is none of them that waits. */
export async function startOrigin(): Promise<BenchOrigin> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bramble-bench-'));
  const body = path.join(directory, 'body');
  await writeFile(body, Buffer.alloc(BODY_BYTES, 'x'));
  const port = await freePort();
  const config = `
global
    nbthread 1
    maxconn ${affordable()}
    tune.bufsize ${BODY_BYTES + 16_384}
    tune.idle-pool.shared off
defaults
    mode http
    timeout client 60s
    timeout server 60s
    timeout connect 5s
frontend origin
    bind 127.0.0.1:${port}
    http-request return status 200 content-type application/octet-stream file ${body} if { path /body }
    http-request return status 200 content-type text/plain string ok
`;
  const server = await startHaproxy({ config, ports: [port] });
  return {
    port,
    close: async () => {
      await server.stop('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
