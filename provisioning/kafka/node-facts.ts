import { existsSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';

/** What a node's server.properties say of it. */
export interface KafkaFacts {
  number: number;
  /** Where its logs are. */
  data: string;
  /** Its own port for clients. */
  clients: { host: string; port: number };
  /** Of every controller. */
  controllers: readonly { host: string; port: number }[];
}

const PROBE_TIMEOUT = 3_000;
/** Where Kafka keeps what the controllers have decided. */
const METADATA = '__cluster_metadata-0';

export function readKafkaFacts(properties: string): KafkaFacts {
  const value = (key: string): string =>
    new RegExp(`^${key.replaceAll('.', '\\.')}=(.*)$`, 'm').exec(properties)?.[1] ?? '';
  const clients = /CLIENTS:\/\/([^,]+)/.exec(value('listeners'))?.[1] ?? '';
  return {
    number: Number(value('node.id')),
    data: value('log.dirs'),
    clients: endpoint(clients),
    controllers: value('controller.quorum.bootstrap.servers').split(',').map(endpoint),
  };
}

function endpoint(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(text.slice(colon + 1)) };
}

/** Whether the directory is made ready. */
export function isFormatted(data: string): boolean {
  return existsSync(path.join(data, 'meta.properties'));
}

/** Whether it was ever part of a cluster that decides: only then its log of decisions has any. */
export function hasDecided(data: string): boolean {
  const directory = path.join(data, METADATA);
  if (!existsSync(directory)) return false;
  return readdirSync(directory).some(
    (file) => file.endsWith('.log') && statSync(path.join(directory, file)).size > 0,
  );
}

/** Whether somebody accepts connections there. Never rejects. */
export function listensAt({ host, port }: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PROBE_TIMEOUT });
    const end = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
