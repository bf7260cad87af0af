import { z } from 'zod';
import { nodeProblemsSchema } from './node-problems.ts';

/**
 * The body of `/api/vitals`: how the machine that answers is doing. Sizes are bytes, times
 * milliseconds since the epoch. What a machine has no sensor for is absent, never zero.
 */
export const THROTTLE_FLAGS = ['undervoltage', 'capped', 'throttled', 'soft-limit'] as const;

export const vitalsSchema = z.object({
  service: z.literal('vitals'),
  at: z.number(),
  hostname: z.string(),
  /** `Raspberry Pi 5 Model B Rev 1.0`, where the machine says so. */
  model: z.string().optional(),
  /** `Debian GNU/Linux 13`. */
  os: z.string().optional(),
  kernel: z.string(),
  arch: z.string(),
  /** Seconds since boot. */
  uptime: z.number(),
  cpu: z.object({
    cores: z.number().int(),
    /** Busy share of all cores since the sample before, 0..100; absent in the first sample. */
    usage: z.number().optional(),
  }),
  /** Load averages over 1, 5 and 15 minutes. */
  load: z.tuple([z.number(), z.number(), z.number()]),
  memory: z.object({
    total: z.number(),
    /** Free, and what the page cache would give back (MemAvailable, proc(5)). */
    available: z.number(),
    swapTotal: z.number(),
    swapUsed: z.number(),
  }),
  disks: z.array(
    z.object({
      mount: z.string(),
      device: z.string(),
      size: z.number(),
      used: z.number(),
      readOnly: z.boolean(),
    }),
  ),
  /** CPU temperature, °C. */
  temperature: z.number().optional(),
  /** The firmware's throttling flags, bits 0–3 (now) and 16–19 (since boot) of get_throttled. */
  throttled: z
    .object({
      now: z.array(z.enum(THROTTLE_FLAGS)),
      sinceBoot: z.array(z.enum(THROTTLE_FLAGS)),
    })
    .optional(),
  /** What the node itself has noticed of its card and its configuration; absent where all is well. */
  problems: nodeProblemsSchema.optional(),
});
export type Vitals = z.output<typeof vitalsSchema>;
export type ThrottleFlag = (typeof THROTTLE_FLAGS)[number];
