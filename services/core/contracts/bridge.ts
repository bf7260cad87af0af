import { z } from 'zod';

/** The JetStream stream in which the bridges keep where they are; one message a subject. */
export const BRIDGE_STREAM = 'BRAMBLE_BRIDGE';
export const BRIDGE_SUBJECTS = 'bramble.bridge.>';

/** Who carries a mapping, and how far it has come. */
export function bridgeStateSubject(mapping: string): string {
  return `bramble.bridge.state.${mapping}`;
}

/** What the owner of the cluster wants of a mapping: that it pauses, or starts again elsewhere. */
export function bridgeControlSubject(mapping: string): string {
  return `bramble.bridge.control.${mapping}`;
}

/** What the brokers need of a mapping's state: by shard the first record that it has to read. */
export const holdSchema = z.object({ floor: z.array(z.number().int().nonnegative()) });

/** A mapping's state. */
export const bridgeStateSchema = holdSchema.extend({
  /** Node and incarnation of the bridge that has it; '' = nobody. */
  owner: z.string(),
  /** Counts the changes of hands. */
  epoch: z.number().int().nonnegative(),
  /** The place in the log, as Base64; '' = none yet. */
  cursor: z.string(),
  /** When the place was stored last, milliseconds since the epoch. */
  savedAt: z.number(),
  /** Last command of `bridgeControlSubject` that was carried out. */
  control: z.number().int().nonnegative().default(0),
  /** Tells one write from all others. */
  nonce: z.string(),
});
export type BridgeState = z.output<typeof bridgeStateSchema>;

export const bridgeControlSchema = z.object({
  paused: z.boolean(),
  /** Start again at this time (milliseconds since the epoch), or at an end of the log. */
  replay: z.union([z.number(), z.literal('earliest'), z.literal('latest')]).optional(),
  /** Counts the replays that were asked for. */
  number: z.number().int().nonnegative(),
});
export type BridgeControl = z.output<typeof bridgeControlSchema>;
