import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import { type ClusterConfig, loadCluster, parseCluster } from '#core/config/cluster.ts';
import { guard, writePrivate } from './data-dir.ts';

export const HOST = '127.0.0.1';
export const DEFAULT_NODES = 2;

const SECRET_BYTES = 24;
/** 96 bits: short enough to type, far too long to guess. */
const PASSWORD_BYTES = 12;

export interface ClusterFile {
  file: string;
  cluster: ClusterConfig;
  /** What was done to the file, for the owner; undefined when nothing was. */
  note: string | undefined;
}

/** Letters and digits only, so that it can be pasted into any shell. */
function password(bytes = PASSWORD_BYTES): string {
  return randomBytes(bytes).toString('hex');
}

/** The cluster.yaml of a first run, with generated credentials. */
export function newClusterYaml(nodes: number): string {
  return `# The dev cluster of this folder. Edit it and start again: bramble dev reads it each time.
# Check it with: bramble validate FILE

cluster:
  name: dev
  # Shared by the cluster's nats-servers and their clients. Whoever has it can read everything.
  secret: ${password(SECRET_BYTES)}

# All nodes are on this machine; bramble dev gives each its own ports. This list follows --nodes.
nodes:
${Array.from({ length: nodes }, (_, index) => `  - { name: ${nodeName(index)}, address: ${HOST} }`).join('\n')}

mqtt:
  # MQTT clients log in as one of these. An admin may do everything and sees $SYS.
  users:
    - name: bramble
      password: ${password()}
      admin: true
    # One that may only write its own values and read its own commands; %u is the user name:
    # - name: sensor
    #   password: change-me
    #   acl:
    #     - { topic: sensors/%u/#, access: write }
    #     - { topic: commands/%u/#, access: read }

balancer:
  # Who may see /haproxy?stats
  stats:
    user: bramble
    password: ${password()}
`;
}

function nodeName(index: number): string {
  return `pi${index + 1}`;
}

/**
 * The data directory's own cluster.yaml: written at the first run; later its list of nodes follows
 * the number asked for and all else stays as the owner left it. Throws ConfigError or STORAGE.
 */
export function ownClusterFile(file: string, nodes: number | undefined): ClusterFile {
  if (!existsSync(file)) {
    const text = newClusterYaml(nodes ?? DEFAULT_NODES);
    writePrivate(file, text);
    const note = `wrote ${file} with new credentials`;
    return { file, cluster: parseCluster(text, file), note };
  }
  const cluster = loadCluster(file);
  const had = cluster.nodes.length;
  if (nodes === undefined || nodes === had) return { file, cluster, note: undefined };
  const text = withNodes(
    guard(file, () => readFileSync(file, 'utf8')),
    nodes,
  );
  writePrivate(file, text);
  const note = `${file} had ${had} ${had === 1 ? 'node' : 'nodes'}, now ${nodes}; credentials are kept, stored messages are per number of nodes`;
  return { file, cluster: parseCluster(text, file), note };
}

/** Shortens or lengthens the list of nodes in a cluster.yaml, keeping its comments. */
export function withNodes(text: string, nodes: number): string {
  const document = parseDocument(text);
  const list = document.get('nodes') as { items: unknown[] };
  list.items.splice(nodes);
  const names = new Set(
    list.items.map((item) => String((item as { get(key: string): unknown }).get('name'))),
  );
  for (let index = 0; list.items.length < nodes; index++) {
    const name = nodeName(index);
    if (!names.has(name))
      list.items.push(document.createNode({ name, address: HOST }, { flow: true }));
  }
  return document.toString();
}

/** Paths of cluster.yaml that are relative to it. */
const TLS_FILES = [
  ['certificate'],
  ['key'],
  ['clients', 'authority'],
  ['clients', 'revoked'],
] as const;

/** What the command line adds to a cluster.yaml. */
export interface FileChanges {
  /** Clients need no credentials. */
  anonymous: boolean;
  /** `host:port` of the Kafka that is started; undefined: none is. */
  kafka: string | undefined;
}

/** Carries everything, for a first look. */
const EVERYTHING = {
  name: 'everything',
  filters: ['#'],
  topic: 'mqtt',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the mapping's own template.
  key: '${topic}',
  qos: 0,
  start: 'earliest',
};

/** A copy of a cluster.yaml with what the command line adds, for another folder. */
export function withChanges(text: string, folder: string, changes: FileChanges): string {
  const document = parseDocument(text);
  if (changes.anonymous) document.setIn(['mqtt', 'anonymous'], true);
  if (changes.kafka !== undefined) {
    document.set('kafka', document.createNode({ bootstrap: [changes.kafka] }));
    if (!document.has('bridge')) {
      document.set('bridge', document.createNode({ toKafka: [EVERYTHING] }));
    }
  }
  for (const names of TLS_FILES) {
    const at = ['mqtt', 'tls', ...names];
    const file: unknown = document.getIn(at);
    if (typeof file === 'string') document.setIn(at, path.resolve(folder, file));
  }
  return document.toString();
}
