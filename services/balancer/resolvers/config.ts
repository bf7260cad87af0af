/** What a server that answers badly may be believed for, milliseconds. */
export type HoldStatus = 'nx' | 'other' | 'refused' | 'timeout' | 'valid' | 'obsolete';

/** A `resolvers` section: HAProxy 2.6 manual, section 5.3. */
export interface ResolversConfig {
  readonly name: string;
  /** Name and `address:port` of each; empty = those of the system. */
  readonly nameservers: { readonly name: string; readonly address: string }[];
  readonly hold: Record<HoldStatus, number>;
  /** How long a server may take to answer, milliseconds. */
  retry: number;
  /** Between two looks at a name that is not known, milliseconds. */
  resolve: number;
  /** How often it is asked before the answer is given up. */
  retries: number;
}

/** How a server's name becomes its address while the process runs. */
export interface ServerResolution {
  /** `_service._proto.name` stands for SRV records. */
  readonly hostname: string;
  readonly resolvers: ResolversConfig;
  readonly prefer: 4 | 6;
  /** Addresses out of these come first; CIDR. */
  readonly networks: readonly string[];
  /** Servers of one name may have the same address. */
  readonly duplicates: boolean;
}

/** Where a server stands that has no address: nobody connects to it. */
export const NOWHERE = '0.0.0.0';

export const newResolvers = (name: string): ResolversConfig => ({
  name,
  nameservers: [],
  hold: { nx: 30_000, other: 30_000, refused: 30_000, timeout: 30_000, valid: 10_000, obsolete: 0 },
  retry: 1000,
  resolve: 1000,
  retries: 3,
});
