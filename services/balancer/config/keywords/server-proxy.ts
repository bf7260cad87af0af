import type { ServerConfig } from '../../model.ts';
import { PROXY_FIELDS, type ProxyField } from '../../tcp/proxy-fields.ts';
import { parseAddress } from '../address.ts';
import type { ServerSettings } from '../draft.ts';
import type { KeywordTable } from '../keyword.ts';
import type { ServerKeyword } from './server-parameters.ts';

/** What speaks of the connection's TLS stands in its field. */
const OF_TLS: readonly ProxyField[] = ['cert-cn', 'ssl-cipher', 'cert-sig', 'cert-key'];

function add(settings: ServerSettings, ...fields: ProxyField[]): void {
  const all = new Set([...(settings.proxyFields ?? []), ...fields]);
  if (OF_TLS.some((each) => all.has(each))) all.add('ssl');
  settings.proxyFields = all;
}

function remove(settings: ServerSettings, ...fields: ProxyField[]): void {
  const left = [...(settings.proxyFields ?? [])].filter((each) => !fields.includes(each));
  settings.proxyFields = left.length > 0 ? new Set(left) : undefined;
}

const send = (
  version: NonNullable<ServerConfig['sendProxy']>,
  summary: string,
  ...fields: ProxyField[]
): ServerKeyword => ({
  usage: '',
  summary,
  arguments: 0,
  inherited: true,
  set: ({ settings }) => {
    settings.sendProxy = version;
    if (fields.length > 0) add(settings, ...fields);
    return undefined;
  },
});

const undo = (
  name: string,
  version: ServerConfig['sendProxy'],
  ...fields: ProxyField[]
): ServerKeyword => ({
  usage: '',
  summary: `undo \`${name}\` of a default-server`,
  arguments: 0,
  inherited: true,
  set: ({ settings }) => {
    if (settings.sendProxy === version) settings.sendProxy = undefined;
    remove(settings, ...fields);
    return undefined;
  },
});

/** How a server is reached and told who its client is: HAProxy 2.6 manual, section 5.2. */
export const PROXY_PARAMETERS: KeywordTable<ServerKeyword> = {
  socks4: {
    usage: '<address>:<port>',
    summary: 'connections go through this SOCKS 4 proxy',
    arguments: 1,
    inherited: true,
    set: ({ settings }, text, { environment }) => {
      if (text === '') return "'socks4' expects <addr>:<port> as argument.";
      const parsed = parseAddress(text, environment);
      if (parsed.error !== undefined) return `'socks4' : ${parsed.error}`;
      const { host, ports } = parsed.address;
      if (!ports) return `'socks4' : missing port specification in '${text}'`;
      if (ports.first !== ports.last || ports.first === 0)
        return `'socks4' : invalid port in '${text}'`;
      settings.socks4 = { host, port: ports.first };
      return undefined;
    },
  },
  'check-via-socks4': {
    usage: '',
    summary: 'checks go through the SOCKS 4 proxy, too',
    arguments: 0,
    inherited: true,
    set: ({ settings }) => {
      settings.checkViaSocks4 = true;
      return undefined;
    },
  },
  'send-proxy': send('v1', 'start connections with a PROXY header, version 1'),
  'send-proxy-v2': send('v2', 'start connections with a PROXY header, version 2'),
  'send-proxy-v2-ssl': send('v2', 'the same, with what the client’s TLS is like', 'ssl'),
  'send-proxy-v2-ssl-cn': send(
    'v2',
    'the same, with the name in its certificate',
    'ssl',
    'cert-cn',
  ),
  'no-send-proxy': undo('send-proxy', 'v1'),
  'no-send-proxy-v2': undo('send-proxy-v2', 'v2'),
  'no-send-proxy-v2-ssl': undo('send-proxy-v2-ssl', 'v2', 'ssl'),
  'no-send-proxy-v2-ssl-cn': undo('send-proxy-v2-ssl-cn', 'v2', 'cert-cn'),
  'proxy-v2-options': {
    usage: '<option>[,<option>]*',
    summary: `what a PROXY header of version 2 tells besides: ${PROXY_FIELDS.join(', ')}`,
    arguments: 1,
    inherited: true,
    set: ({ settings }, text) => {
      for (const name of text.split(',').map((each) => each.trim())) {
        const field = PROXY_FIELDS.find((each) => each === name);
        if (!field) return `'proxy-v2-options' : proxy v2 option not implemented : '${name}'.`;
        add(settings, field);
      }
      return undefined;
    },
  },
};
