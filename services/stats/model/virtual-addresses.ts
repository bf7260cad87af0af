import type { VipStatus } from '#core/contracts/status.ts';
import type { Sourced } from './sourced.ts';

/** A virtual address, and who of those that answer has it. Times are milliseconds since the epoch. */
export interface VirtualAddress {
  readonly address: string;
  /** One, but for the moment of a change. */
  readonly owners: readonly { readonly node: string; readonly since: number }[];
  /** The last that had it alone, and the one before. */
  readonly last?: string;
  readonly previous?: string;
  /** Since when none of the nodes has it, or several have. */
  readonly amissSince?: number;
}

interface NodeWithVip {
  readonly name: string;
  readonly vip?: Sourced<VipStatus>;
}

interface Remembered {
  last?: string;
  previous?: string;
  amissSince?: number;
}

/** Follows the virtual addresses from one snapshot to the next. */
export class VirtualAddresses {
  readonly #memory = new Map<string, Remembered>();

  /** `at`: milliseconds since the epoch. Empty where no node says anything of them. */
  view(addresses: readonly string[], nodes: readonly NodeWithVip[], at: number): VirtualAddress[] {
    if (!nodes.some(({ vip }) => vip !== undefined)) return [];
    const complete = nodes.every(({ vip }) => vip?.state !== 'pending');
    return addresses.map((address) => {
      const owners = nodes.flatMap(({ name, vip }) => ownership(name, vip, address));
      const remembered = this.#memory.get(address) ?? {};
      this.#memory.set(address, remembered);
      this.#remember(remembered, owners, complete, at);
      return { address, owners, ...remembered };
    });
  }

  #remember(
    remembered: Remembered,
    owners: VirtualAddress['owners'],
    complete: boolean,
    at: number,
  ): void {
    const [owner] = owners;
    if (owners.length === 1 && owner!.node !== remembered.last) {
      if (remembered.last !== undefined) remembered.previous = remembered.last;
      remembered.last = owner!.node;
    }
    if (owners.length === 1 || !complete) delete remembered.amissSince;
    else remembered.amissSince ??= at;
  }
}

function ownership(node: string, vip: Sourced<VipStatus> | undefined, address: string) {
  if (vip?.state !== 'fresh' || !vip.value.owned.includes(address)) return [];
  const held = vip.value.held?.find((one) => one.address === address);
  return [{ node, since: held?.since ?? vip.value.since }];
}
