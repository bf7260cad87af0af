import { networkInterfaces } from 'node:os';

/** Name of the network card that has `address`, and which of `wanted` this machine has. */
export interface Cards {
  card: string | undefined;
  owned: string[];
}

/** Looks at this machine's addresses. */
export function readCards(
  address: string,
  wanted: readonly string[],
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): Cards {
  let card: string | undefined;
  const owned = new Set<string>();
  for (const [name, addresses] of Object.entries(interfaces)) {
    for (const { address: found } of addresses ?? []) {
      if (found === address) card = name;
      if (wanted.includes(found)) owned.add(found);
    }
  }
  return { card, owned: wanted.filter((one) => owned.has(one)) };
}
