import { isIP } from 'node:net';
import { z } from 'zod';
import { hashProblem } from '../passwords.ts';
import { bridge, clusterKafka } from './bridge.ts';
import { checkCluster } from './cluster-rules.ts';
import { monitoring } from './monitoring.ts';
import { network } from './network.ts';
import { kafkaProblems, withOwnKafka } from './own-kafka.ts';
import { duration, size } from './units.ts';
import { vrrp, vrrpProblems } from './vrrp.ts';
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
  /** Of the board, as `/proc/cpuinfo` and STATUS.txt show it: this node is that board alone. */
  serial: z
    .string()
    .regex(/^[0-9a-fA-F]{8,16}$/, 'a serial number in quotes: 8 to 16 hexadecimal digits')
    .optional(),
  /** Of one of its network cards: likewise. */
  mac: z
    .string()
    .regex(/^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/, 'a MAC address such as dc:a6:32:01:02:03')
    .optional(),
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
  /**
   * `$argon2id$…` or `$scrypt$…` (see core/passwords.ts) or plain text. Without it the user can
   * only come with a client certificate (`mqtt.tls.clients`).
   */
  password: z.string().min(1).optional(),
  /** Sees `$SYS` and may do everything. */
  admin: z.boolean().default(false),
  acl: z.array(aclRule).default([]),
});

/** What makes the broker ban somebody by itself, and for how long. */
const bans = z
  .strictObject({
    /** A client id that broke off more often than this within `window`. */
    flaps: z.number().int().positive().default(60),
    /** An address with more failed logins than this within `window`. */
    failures: z.number().int().positive().default(120),
    window: duration.default(60_000),
    for: duration.default(300_000),
  })
  .prefault({});

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
    /** Bytes of a topic name. */
    topicLength: z.number().int().positive().max(65_535).default(4_096),
    /** Largest payload of a retained message, bytes; default: what fits into a packet. */
    retainedPayload: size.optional(),
    /** Subscriptions of one session; a SUBSCRIBE that would go beyond is refused with 0x97. */
    subscriptions: z.number().int().positive().default(10_000),
    /** PUBLISH packets of one client a second; who sends more is read later. No limit without it. */
    publishRate: z.number().positive().optional(),
    /** Bytes of PUBLISH packets of one client a second; as publishRate. */
    publishBytes: size.optional(),
    /** CONNECTs a second on a node; ten seconds' worth may come at once. Beyond: reason 0x9F. */
    connectRate: z.number().positive().default(2_000),
    /** The same for one address (one /64 of IPv6). */
    connectRatePerAddress: z.number().positive().default(100),
    /** Connections of one address on a node. Beyond: reason 0x97. */
    connectionsPerAddress: z.number().int().positive().default(2_000),
    /** Connections of a node that have not sent CONNECT within a second; the oldest make room. */
    halfOpen: z.number().int().positive().default(1_024),
    /** Those of one address; the next is closed at once. */
    halfOpenPerAddress: z.number().int().positive().default(512),
    bans,
    /** Addresses and networks that are neither limited by address nor banned. */
    exempt: z.array(network).default(['127.0.0.0/8', '::1']),
  })
  .prefault({});

/** TLS of the broker's own listeners. Files are PEM, their paths relative to cluster.yaml. */
const tls = z
  .strictObject({
    /** The server's certificate, followed by those between it and its authority. */
    certificate: z.string().min(1),
    key: z.string().min(1),
    clients: z
      .strictObject({
        /** Whether clients show a certificate of `authority`. */
        certificate: z.enum(['none', 'optional', 'required']).default('none'),
        /** Who signs the clients' certificates. */
        authority: z.string().min(1).optional(),
        /** Certificates that do not count any more (a CRL, RFC 5280). */
        revoked: z.string().min(1).optional(),
        /** What of it is the client's user name, which then needs no password. */
        user: z.enum(['common-name', 'san', 'none']).default('common-name'),
      })
      .prefault({}),
  })
  .refine(({ clients }) => clients.certificate === 'none' || clients.authority !== undefined, {
    path: ['clients', 'authority'],
    message: 'client certificates need the certificate of their authority',
  });

/** A Pi has four cores, and its nats-server and its balancer need one. */
const WORKERS_MAX = 3;

/** What an acknowledgement is worth when the power of all nodes goes at once. */
const durability = z
  .strictObject({
    /**
     * How much of what was acknowledged such a power cut may take, as time between two writes to
     * the disk; or `always`: nothing, since each record is on a majority's disks before it is
     * acknowledged. The death of one node loses nothing either way.
     *
     * `always` costs as much as the disk needs to flush. On a fast one, 128-byte messages, one node:
     * 127,000 a second instead of 135,000, and 0.44 ms instead of 0.15 ms for one at a time; three
     * replicas: 62,000 instead of 94,000, and 1.8 ms instead of 0.7 ms.
     */
    flush: z
      .union([
        z.literal('always'),
        duration.refine((ms) => ms > 0, 'longer than nothing; or always'),
      ])
      .default(1_000),
  })
  .prefault({});

/** What the log keeps for those who have not read it; what nobody waits for goes sooner. */
const log = z
  .strictObject({
    /** On each node's disk. */
    bytes: size.default(768 << 20),
    age: duration.default(7 * 24 * 3_600_000),
  })
  .prefault({});

const mqtt = z
  .strictObject({
    /** Lets clients in without credentials. */
    anonymous: z.boolean().default(false),
    users: z.array(user).default([]),
    /** Rules for everyone, after each user's own. */
    acl: z.array(aclRule).default([]),
    tls: tls.optional(),
    /**
     * Broker processes a node, on the same ports; `limits` hold for each. Each more can use a core
     * of its own and takes about 130 MiB, and the second one 100 MiB for who watches over them.
     */
    workers: z.number().int().min(1).max(WORKERS_MAX).default(1),
    /** `{ flush: 1s }`, or `power-loss` for `{ flush: always }`. Read when nats-server starts. */
    durability: z
      .preprocess((value) => (value === 'power-loss' ? { flush: 'always' } : value), durability)
      .prefault({}),
    log,
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
    /** The address that clients are told: one balancer has it, and another one when that dies. */
    vip: address.optional(),
    vrrp,
    mqtt,
    balancer,
    monitoring: monitoring.optional(),
    /** Which of the two systems' data goes where; nothing without it. */
    bridge: bridge.optional(),
    kafka: clusterKafka.optional(),
  })
  .superRefine((value, context) => {
    checkCluster(value, (path, message) => context.addIssue({ code: 'custom', path, message }));
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
    for (const [index, { password }] of value.mqtt.users.entries()) {
      const message = password === undefined ? undefined : hashProblem(password);
      const path = ['mqtt', 'users', index, 'password'];
      if (message !== undefined) context.addIssue({ code: 'custom', path, message });
    }
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
    for (const way of ['toKafka', 'toMqtt'] as const) {
      refuseTwice('name', value.bridge?.[way].map((mapping) => mapping.name) ?? [], [
        'bridge',
        way,
      ]);
    }
    for (const { path, message } of [...vrrpProblems(value), ...kafkaProblems(value)]) {
      context.addIssue({ code: 'custom', path, message });
    }
  })
  .transform(withOwnKafka);

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
