import type { NodeView } from '../model/snapshot.ts';
import { lastKnown } from '../model/sourced.ts';
import type { VirtualAddress } from '../model/virtual-addresses.ts';
import { badge, silence } from './badge.ts';
import { type Html, html } from './html.ts';
import { moment, UNKNOWN } from './units.ts';

/** One line for each virtual address: who has it, and since when. */
export function ownersOf(addresses: readonly VirtualAddress[], now: number): Html[] {
  return addresses.map(({ address, owners }) => {
    const names =
      owners.length === 0
        ? badge('bad', 'nobody has it')
        : owners.map(
            ({ node, since }, index) =>
              html`${index > 0 ? ' and ' : 'at '}<b>${node}</b> since ${moment(since, now)}`,
          );
    return html`<p class="meaning virtual"><code class="address">${address}</code> ${names}</p>`;
  });
}

/** What a balancer's node has of them, or why it must not have them. */
export function partOf({ vip }: NodeView, now: number): (string | Html)[] {
  if (vip === undefined) return [];
  const known = lastKnown(vip);
  const silent = silence(vip, now);
  if (silent !== undefined || known === undefined) return ['VIP ', silent ?? UNKNOWN];
  if (known.owned.length > 0) return ['has ', html`<b>${known.owned.join(', ')}</b>`];
  if (known.fault) return ['VIP ', badge('warn', 'must not', known.reasons.join(', '))];
  return ['VIP ', html`<b>backup</b>`];
}
