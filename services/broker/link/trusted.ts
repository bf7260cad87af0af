import { BlockList, isIP } from 'node:net';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';

/** Who may speak PROXY v2 to us: addresses, or networks as `10.0.0.0/8`. */
export class TrustedAddresses {
  readonly #list = new BlockList();

  constructor(addresses: readonly string[]) {
    for (const text of addresses) {
      const [address = '', bits] = text.split('/');
      const family = isIP(address);
      if (family === 0) {
        const message = `trusted: "${text}" is no address or network`;
        throw new BrambleError(ERROR_CODES.CONFIG_INVALID, message);
      }
      const type = family === 6 ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.#list.addAddress(address, type);
      else this.#list.addSubnet(address, Number(bits), type);
    }
  }

  includes(address: string): boolean {
    // A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d.
    const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
    return this.#list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
  }
}
