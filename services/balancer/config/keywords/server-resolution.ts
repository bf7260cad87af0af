import { isIP } from 'node:net';
import { isNetwork } from '#core/networks.ts';
import type { ServerSettings } from '../draft.ts';
import { type KeywordTable, suggestion } from '../keyword.ts';
import type { ServerKeyword } from './server-parameters.ts';

/** How a server's name becomes an address, at the start and later. */
export interface ResolutionSettings {
  resolvers: string | undefined;
  prefer: 4 | 6;
  networks: readonly string[];
  duplicates: boolean;
  /** `last`, `libc`, `none` and addresses, in their order; undefined = last, libc. */
  initial: readonly string[] | undefined;
}

export const newResolution = (): ResolutionSettings => ({
  resolvers: undefined,
  prefer: 6,
  networks: [],
  duplicates: false,
  initial: undefined,
});

const row = (
  usage: string,
  summary: string,
  set: (settings: ResolutionSettings, text: string) => string | undefined,
): ServerKeyword => ({
  usage,
  summary,
  arguments: 1,
  inherited: true,
  set: ({ settings }: { settings: ServerSettings }, text) => {
    settings.resolution = { ...(settings.resolution ?? newResolution()) };
    return set(settings.resolution, text);
  },
});

const METHODS = ['libc', 'last', 'none'];
const OPTIONS = ['allow-dup-ip', 'ignore-weight', 'prevent-dup-ip'];

/** HAProxy 2.6 manual, section 5.2. */
export const RESOLUTION_PARAMETERS: KeywordTable<ServerKeyword> = {
  'init-addr': row(
    '{ last | libc | none | <ip> },[...]*',
    'where the first address comes from (default last,libc); `none` waits for the resolvers',
    (settings, text) => {
      const list = text.split(',').filter(Boolean);
      const bad = list.find((each) => !METHODS.includes(each) && isIP(each) === 0);
      if (bad !== undefined) {
        return `'init-addr' : unknown init-addr method '${bad}', supported methods are 'libc', 'last', 'none'.`;
      }
      if (list.length === 0) return "'init-addr' expects <[libc|last|none|<ip>]*> as argument.";
      settings.initial = list;
      return undefined;
    },
  ),
  resolvers: row('<id>', 'who is asked for its address while it runs', (settings, text) => {
    if (text === '') return "'resolvers' expects a resolvers section's name as argument.";
    settings.resolvers = text;
    return undefined;
  }),
  'resolve-prefer': row(
    'ipv4 | ipv6',
    'the kind of address that is taken first (default ipv6)',
    (settings, text) => {
      if (text !== 'ipv4' && text !== 'ipv6') {
        return "'resolve-prefer' expects either ipv4 or ipv6 as argument.";
      }
      settings.prefer = text === 'ipv4' ? 4 : 6;
      return undefined;
    },
  ),
  'resolve-net': row('<network>[,...]', 'networks that are preferred', (settings, text) => {
    const list = text.split(',').filter(Boolean);
    const bad = list.find((each) => !isNetwork(each));
    if (bad !== undefined || list.length === 0) {
      return `'resolve-net' invalid network '${bad ?? text}'.`;
    }
    settings.networks = list;
    return undefined;
  }),
  'resolve-opts': row(
    'allow-dup-ip | ignore-weight | prevent-dup-ip [,...]',
    'whether servers of one name may share an address; weights of SRV records are never taken',
    (settings, text) => {
      for (const each of text.split(',').filter(Boolean)) {
        if (each === 'allow-dup-ip') settings.duplicates = true;
        else if (each === 'prevent-dup-ip') settings.duplicates = false;
        else if (each !== 'ignore-weight') {
          return `'resolve-opts' : unknown resolve-opts option '${each}', supported methods are 'allow-dup-ip', 'ignore-weight', and 'prevent-dup-ip'.${suggestion(each, OPTIONS)}`;
        }
      }
      return undefined;
    },
  ),
};
