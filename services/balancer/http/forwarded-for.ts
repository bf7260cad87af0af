import { BlockList, isIP, isIPv6 } from 'node:net';
import type { ProxyConfig } from '../model.ts';
import { fieldOf, type RequestHead } from './head.ts';

type ForwardFor = NonNullable<ProxyConfig['options']['forwardFor']>;

const networks = new Map<string, BlockList>();

/**
 * The `x-forwarded-for` line (with CRLF) to add to a request, or '' (manual, `option
 * forwardfor`). Frontend and backend may both ask for it: the backend's header name counts, an
 * exception of either does, and `if-none` only holds where both say it.
 */
export function forwardedForLine(
  frontend: ForwardFor | undefined,
  backend: ForwardFor | undefined,
  client: string,
  head: RequestHead,
): string {
  const chosen = backend ?? frontend;
  if (!chosen || isIP(client) === 0) return '';
  if (excepted(frontend, client) || excepted(backend, client)) return '';
  const name = chosen.header.toLowerCase();
  const always = [frontend, backend].some((each) => each !== undefined && !each.ifNone);
  if (!always && fieldOf(head, name) !== undefined) return '';
  return `${name}: ${client}\r\n`;
}

/** Whether an address is the one, or in the network, that an option leaves out. */
export function excepted(
  option: { except: string | undefined } | undefined,
  address: string,
): boolean {
  if (option?.except === undefined || isIP(address) === 0) return false;
  let list = networks.get(option.except);
  if (!list) {
    list = blockList(option.except);
    networks.set(option.except, list);
  }
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function blockList(network: string): BlockList {
  const list = new BlockList();
  const [address, bits] = network.split('/');
  const family = isIPv6(address!) ? 'ipv6' : 'ipv4';
  if (bits === undefined) list.addAddress(address!, family);
  else list.addSubnet(address!, Number(bits), family);
  return list;
}
