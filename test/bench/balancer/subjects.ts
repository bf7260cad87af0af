import { fileURLToPath } from 'node:url';
import { BALANCER_PROGRAM } from '../../support/balancer.ts';
import { freePorts } from '../../support/ports.ts';
import { type ProxyProcess, startProxy } from '../../support/proxy-process.ts';
import { affordable } from './descriptors.ts';

export type Plane = 'http' | 'https' | 'tcp' | 'tls';
export type Ports = Readonly<Record<Plane, number>>;

/** One proxy under test. */
export interface Subject {
  readonly name: string;
  readonly process: ProxyProcess;
  readonly ports: Ports;
  /** What it can do at all. */
  readonly planes: readonly Plane[];
}

const NODE_PROXY = fileURLToPath(new URL('./node-proxy.ts', import.meta.url));

function configOf(ports: Ports, origin: number, certificate: string): string {
  const listen = (plane: Plane, mode: 'http' | 'tcp', secure: boolean): string => `
listen ${plane}
    mode ${mode}
    bind 127.0.0.1:${ports[plane]}${secure ? ` ssl crt ${certificate}` : ''}
    server origin 127.0.0.1:${origin}
`;
  return `
global
    nbthread 1
    maxconn ${affordable()}
defaults
    maxconn ${affordable()}
    timeout connect 5s
    timeout client 60s
    timeout server 60s
${listen('http', 'http', false)}${listen('https', 'http', true)}
${listen('tcp', 'tcp', false)}${listen('tls', 'tcp', true)}`;
}

async function freshPorts(): Promise<Ports> {
  const [http, https, tcp, tls] = (await freePorts(4)) as [number, number, number, number];
  return { http, https, tcp, tls };
}

/** HAProxy and Bramble with one and the same file, one thread each. */
export async function startSubject(
  name: 'HAProxy' | 'Bramble',
  origin: number,
  certificate: string,
): Promise<Subject> {
  const ports = await freshPorts();
  const process = await startProxy(name === 'HAProxy' ? 'haproxy' : BALANCER_PROGRAM, ['-db'], {
    config: configOf(ports, origin, certificate),
    ports: Object.values(ports),
  });
  return { name, process, ports, planes: ['http', 'https', 'tcp', 'tls'] };
}

/** The proxy library that programs of this kind use, with its connections kept alive. */
export async function startNodeProxy(origin: number, certificate: string): Promise<Subject> {
  const ports = await freshPorts();
  const config = JSON.stringify({ http: ports.http, https: ports.https, origin, certificate });
  const process = await startProxy(globalThis.process.execPath, [NODE_PROXY], {
    config,
    ports: [ports.http, ports.https],
  });
  return { name: 'http-proxy-3', process, ports, planes: ['http', 'https'] };
}
