import type { NodeView, Problem } from './snapshot.ts';
import type { VirtualAddress } from './virtual-addresses.ts';

type Finding = Omit<Problem, 'since'> & { readonly since?: number };

/** A failover, and answers that come a second apart, are over by then. Milliseconds. */
const AMISS = 6_000;
const DRAINED = /^drained by /;

/** An address that nobody has, or several have, for longer than it takes to move. */
export function vipProblems(addresses: readonly VirtualAddress[] = [], now: number): Finding[] {
  return addresses.flatMap(({ address, owners, amissSince }): Finding[] => {
    if (amissSince === undefined || now - amissSince < AMISS) return [];
    const about = { key: `vip ${address}`, level: 'critical', subject: address } as const;
    const names = owners.map(({ node }) => node).join(' and ');
    const text = names === '' ? 'no node that answers has it' : `${names} have it at once`;
    return [{ ...about, text, since: amissSince }];
  });
}

/** A balancer that could not take an address over, other than because somebody wants it so. */
export function vipFault({ name, roles, vip }: NodeView, now: number): Finding[] {
  if (vip?.state !== 'fresh' || !roles.includes('balancer')) return [];
  const { fault, since, reasons } = vip.value;
  if (!fault || now - since < AMISS || reasons.some((reason) => DRAINED.test(reason))) return [];
  const text = `must not have virtual addresses: ${reasons.join(', ') || 'no reason given'}`;
  return [{ key: `vip ${name}`, level: 'warning', subject: name, text, since }];
}
