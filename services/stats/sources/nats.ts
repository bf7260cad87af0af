import { z } from 'zod';
import type { NatsStatus } from '../model/snapshot.ts';

/**
 * What we read of nats-server's `/varz` (NATS documentation, "Monitoring", general information).
 * Counters count since the server started; a new `start` means a new process.
 */
export const natsVarzSchema = z.object({
  server_name: z.string(),
  version: z.string(),
  start: z.string(),
  mem: z.number(),
  cpu: z.number(),
  connections: z.number(),
  routes: z.number().default(0),
  subscriptions: z.number().default(0),
  in_msgs: z.number(),
  out_msgs: z.number(),
  slow_consumers: z.number(),
  jetstream: z
    .object({
      stats: z.object({ storage: z.number().default(0) }).optional(),
      meta: z
        .object({ leader: z.string().optional(), cluster_size: z.number().optional() })
        .optional(),
    })
    .optional(),
});
export type NatsVarz = z.output<typeof natsVarzSchema>;

/** What another node's page says of its nats-server. */
export const natsStatusSchema = z.object({
  name: z.string(),
  version: z.string(),
  startedAt: z.number(),
  rss: z.number(),
  clients: z.number(),
  routes: z.number(),
  slowConsumers: z.number(),
  jetstream: z.object({ storage: z.number(), leader: z.string().exactOptional() }).exactOptional(),
});

export function toNatsStatus(varz: NatsVarz): NatsStatus {
  const { jetstream } = varz;
  const leader = jetstream?.meta?.leader;
  return {
    name: varz.server_name,
    version: varz.version,
    startedAt: Date.parse(varz.start),
    rss: varz.mem,
    clients: varz.connections,
    routes: varz.routes,
    slowConsumers: varz.slow_consumers,
    ...(jetstream
      ? {
          jetstream: {
            storage: jetstream.stats?.storage ?? 0,
            ...(jetstream.meta ? { leader: leader ?? '' } : {}),
          },
        }
      : {}),
  };
}
