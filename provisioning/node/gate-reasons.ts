import { vipStatusSchema, watchdogStatusSchema } from '#core/contracts/status.ts';

/**
 * No fault of the node: somebody wants it so, or it waits for nodes that cluster.yaml names and that
 * are changed after it.
 */
const NOT_ITS_OWN = /^drained by |is no majority$|^reaches neither /;

/** Why a node may not take a virtual address over, from the `/status` of bramble-vip. */
export function vipReasons(answer: unknown): string[] {
  const { fault, reasons } = vipStatusSchema.parse(answer);
  const others = reasons.filter((reason) => !NOT_ITS_OWN.test(reason));
  if (!fault || (reasons.length > 0 && others.length === 0)) return [];
  // All is well, and has to be for a moment longer.
  return reasons.length === 0 ? ['has just become well'] : others;
}

/** What the watchdog holds against a node, from its `/status`. */
export function watchdogReasons(answer: unknown): string[] {
  const { ready, reasons, services, acting } = watchdogStatusSchema.parse(answer);
  if (!ready) return reasons;
  const down = services.filter(({ state }) => state === 'down');
  return [
    ...down.map(({ name, reason }) => `${name} is down (${reason})`),
    ...(acting === true ? ['is mending this node'] : []),
  ];
}
