import { isIP } from 'node:net';
import { z } from 'zod';
import { duration, size } from './units.ts';
import { loadYamlFile, parseYaml } from './yaml-file.ts';

/** RFC 1123 host label: what a node may be called, since it becomes a host name. */
const hostLabel = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'use lower case letters, digits and inner hyphens',
  );

const address = z.string().refine((text) => isIP(text) !== 0, 'not an IPv4 or IPv6 address');

export const ROLES = ['balancer', 'broker', 'bridge', 'kafka'] as const;

const node = z.strictObject({
  name: hostLabel,
  address,
  roles: z.array(z.enum(ROLES)).min(1).default(['balancer', 'broker']),
});

/**
 * One access rule. `topic` is an MQTT filter in which `%u` stands for the user name and `%c` for
 * the client id. A user's own rules are tried first, then those for everyone; the first that
 * matches decides. Where no rule exists at all, a known user may do everything but `$SYS`; where
 * rules exist and none matches, the answer is no.
 */
const aclRule = z.strictObject({
  topic: z.string().min(1),
  access: z.enum(['read', 'write', 'readwrite', 'deny']),
});

const user = z.strictObject({
  name: z.string().min(1).max(256),
  /** `$scrypt$…` (see core/passwords.ts) or plain text. */
  password: z.string().min(1),
  /** Sees `$SYS` and may do everything. */
  admin: z.boolean().default(false),
  acl: z.array(aclRule).default([]),
});

const limits = z
  .strictObject({
    /** Largest MQTT packet accepted, bytes. */
    packet: size.default(1 << 20),
    /** Connections a node. */
    connections: z.number().int().positive().default(10_000),
    /** What may wait for one subscriber's socket before its own QoS 0 is dropped, bytes. */
    queue: size.default(1 << 20),
    /** Messages stored for one session that is away. */
    offline: z.number().int().positive().default(10_000),
    /** Retained messages in the cluster. */
    retained: z.number().int().positive().default(100_000),
    /** Levels of a topic. */
    topicLevels: z.number().int().positive().max(128).default(32),
    /** Time from TCP accept to CONNECT, milliseconds. */
    connect: duration.default(10_000),
  })
  .prefault({});

const mqtt = z
  .strictObject({
    /** Lets clients in without credentials. */
    anonymous: z.boolean().default(false),
    users: z.array(user).default([]),
    /** Rules for everyone, after each user's own. */
    acl: z.array(aclRule).default([]),
    limits,
  })
  .prefault({});

const balancer = z
  .strictObject({
    /** Who may see `/haproxy?stats`. Nobody without it. */
    stats: z.strictObject({ user: z.string().min(1), password: z.string().min(1) }).optional(),
    /** More configuration in HAProxy's language, loaded after the rendered file. */
    extra: z.string().optional(),
  })
  .prefault({});

export const clusterSchema = z
  .strictObject({
    cluster: z.strictObject({
      name: hostLabel,
      /** Shared by the cluster's nats-servers and their clients. */
      secret: z.string().min(16, 'at least 16 characters'),
    }),
    nodes: z.array(node).min(1, 'at least one node'),
    vip: address.optional(),
    mqtt,
    balancer,
  })
  .superRefine((value, context) => {
    const refuseTwice = (key: 'name' | 'address', list: readonly string[], path: string[]) => {
      for (const [index, item] of list.entries()) {
        const first = list.indexOf(item);
        if (first === index) continue;
        const message = `"${item}" is taken by ${path.join('.')}.${first}`;
        context.addIssue({ code: 'custom', path: [...path, index, key], message });
      }
    };
    refuseTwice(
      'name',
      value.nodes.map((n) => n.name),
      ['nodes'],
    );
    refuseTwice(
      'name',
      value.mqtt.users.map((u) => u.name),
      ['mqtt', 'users'],
    );
    if (!isLoopbackOnly(value.nodes)) {
      refuseTwice(
        'address',
        value.nodes.map((n) => n.address),
        ['nodes'],
      );
    }
    if (value.vip !== undefined && value.nodes.some((n) => n.address === value.vip)) {
      const message = 'the VIP must not be the address of a node';
      context.addIssue({ code: 'custom', path: ['vip'], message });
    }
  });

/** All nodes on one machine: `bramble dev`, where they differ by port. */
function isLoopbackOnly(nodes: readonly { address: string }[]): boolean {
  return nodes.every((n) => n.address === '127.0.0.1' || n.address === '::1');
}

export type ClusterConfig = z.output<typeof clusterSchema>;
export type ClusterNode = ClusterConfig['nodes'][number];
export type MqttUser = ClusterConfig['mqtt']['users'][number];
export type AclRule = z.output<typeof aclRule>;
export type Role = (typeof ROLES)[number];

/** Loads cluster.yaml. Throws ConfigError with file, line and column of every problem. */
export function loadCluster(file: string): ClusterConfig {
  return loadYamlFile(file, clusterSchema);
}

/** As loadCluster, on text. */
export function parseCluster(text: string, file = 'cluster.yaml'): ClusterConfig {
  return parseYaml(text, file, clusterSchema);
}
