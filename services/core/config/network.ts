import { z } from 'zod';
import { isNetwork } from '../networks.ts';

/** An address, or a network such as `10.0.0.0/8`. */
export const network = z
  .string()
  .refine((text) => isNetwork(text), 'not an address or a network such as 10.0.0.0/8');
