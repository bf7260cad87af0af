import { z } from 'zod';
import { network } from './network.ts';

/** What lets a Prometheus elsewhere ask the nodes; without it `/metrics` is on loopback alone. */
export const monitoring = z.strictObject({
  /** Whoever asks sends it along (RFC 6750: `Authorization: Bearer TOKEN`). */
  token: z
    .string()
    .min(16, 'at least 16 characters')
    .regex(/^[A-Za-z0-9._~+/-]+=*$/, 'letters, digits and . _ ~ + / - alone (RFC 6750, 2.1)'),
  /** Addresses and networks that may ask; default: all, with the token. */
  from: z.array(network).min(1, 'at least one address or network').optional(),
});

export type MonitoringSettings = z.output<typeof monitoring>;
