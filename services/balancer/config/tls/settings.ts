import type { BindConfig, Position, ServerConfig } from '../../model.ts';
import { VERSIONS, type Version } from '../../tls/config.ts';
import type { GlobalDraft, ProxyDraft } from '../draft.ts';

/** What a line says of versions and ciphers; what it does not say comes from the global section. */
export interface ProtocolSettings {
  min: Version | undefined;
  max: Version | undefined;
  /** Versions that are taken out. */
  without: readonly Version[];
  /** The only version that is left. */
  only: Version | undefined;
  ciphers: string | undefined;
  ciphersuites: string | undefined;
  curves: string | undefined;
  tickets: boolean | undefined;
}

export interface BindTlsSettings extends ProtocolSettings {
  enabled: boolean;
  /** Files and lists in the order in which they stand. */
  certificates: readonly { kind: 'crt' | 'crt-list'; file: string }[];
  verify: 'none' | 'optional' | 'required' | undefined;
  caFile: string | undefined;
  crlFile: string | undefined;
  alpn: readonly string[] | undefined;
  strictSni: boolean | undefined;
  preferClientCiphers: boolean | undefined;
  ignoredErrors: 'all' | readonly number[] | undefined;
}

export interface ServerTlsSettings extends ProtocolSettings {
  /** `ssl` was set, whatever came of it. */
  switchable?: boolean;
  /** `no-ssl` was the last word. */
  refused?: boolean;
  enabled: boolean;
  certificate: string | undefined;
  verify: 'none' | 'required' | undefined;
  caFile: string | undefined;
  crlFile: string | undefined;
  alpn: readonly string[] | undefined;
  sni: string | undefined;
  verifyHost: string | undefined;
  reuse: boolean;
}

/** The TLS keywords of the global section. */
export interface GlobalTls {
  bind: ProtocolSettings & Pick<BindTlsSettings, 'strictSni' | 'preferClientCiphers' | 'verify'>;
  server: ProtocolSettings;
  serverVerify: 'none' | 'required';
  crtBase: string | undefined;
  caBase: string | undefined;
  /** Seconds. */
  lifetime: number;
  cacheSize: number;
}

/** Lines whose files are to be read once the global section is known. */
export interface ProxyTls {
  readonly binds: {
    readonly settings: BindTlsSettings;
    readonly binds: readonly BindConfig[];
    readonly position: Position;
    /** `'bind :443' in section 'frontend'`. */
    readonly subject: string;
  }[];
  readonly servers: {
    readonly settings: ServerTlsSettings;
    readonly server: ServerConfig;
    readonly position: Position;
    readonly subject: string;
  }[];
}

export const newProtocol = (): ProtocolSettings => ({
  min: undefined,
  max: undefined,
  without: [],
  only: undefined,
  ciphers: undefined,
  ciphersuites: undefined,
  curves: undefined,
  tickets: undefined,
});

export const newBindTls = (): BindTlsSettings => ({
  ...newProtocol(),
  enabled: false,
  certificates: [],
  verify: undefined,
  caFile: undefined,
  crlFile: undefined,
  alpn: undefined,
  strictSni: undefined,
  preferClientCiphers: undefined,
  ignoredErrors: undefined,
});

export const newServerTls = (): ServerTlsSettings => ({
  ...newProtocol(),
  enabled: false,
  certificate: undefined,
  verify: undefined,
  caFile: undefined,
  crlFile: undefined,
  alpn: undefined,
  sni: undefined,
  verifyHost: undefined,
  reuse: true,
});

/** HAProxy's defaults: manual, section 3.2. */
const newGlobalTls = (): GlobalTls => ({
  bind: {
    ...newProtocol(),
    strictSni: undefined,
    preferClientCiphers: undefined,
    verify: undefined,
  },
  server: newProtocol(),
  serverVerify: 'required',
  crtBase: undefined,
  caBase: undefined,
  lifetime: 300,
  cacheSize: 20_000,
});

export function globalTls(global: GlobalDraft): GlobalTls {
  global.tls ??= newGlobalTls();
  return global.tls;
}

export function proxyTls(draft: ProxyDraft): ProxyTls {
  draft.tls ??= { binds: [], servers: [] };
  return draft.tls;
}

const NAMES: Readonly<Record<string, Version>> = {
  'TLSv1.0': 'TLSv1',
  'TLSv1.1': 'TLSv1.1',
  'TLSv1.2': 'TLSv1.2',
  'TLSv1.3': 'TLSv1.3',
};

/** The version that the language calls by this name; SSLv3 is none that can be had. */
export const versionNamed = (name: string): Version | undefined =>
  Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;

/** Lowest and highest version, or undefined when none is left. TLS 1.2 is the least by default. */
export function versionsOf(
  own: ProtocolSettings,
  global: ProtocolSettings,
): { min: Version; max: Version } | undefined {
  const only = own.only ?? (hasVersions(own) ? undefined : global.only);
  if (only !== undefined) return { min: only, max: only };
  const min = VERSIONS.indexOf(own.min ?? global.min ?? 'TLSv1.2');
  const max = VERSIONS.indexOf(own.max ?? global.max ?? 'TLSv1.3');
  const without = new Set([...own.without, ...global.without]);
  const left = VERSIONS.filter((version, at) => at >= min && at <= max && !without.has(version));
  const [first] = left;
  if (first === undefined) return undefined;
  // A range with a hole ends at the hole.
  let last = VERSIONS.indexOf(first);
  while (left.includes(VERSIONS[last + 1]!)) last += 1;
  return { min: first, max: VERSIONS[last]! };
}

const hasVersions = ({ min, max, only, without }: ProtocolSettings): boolean =>
  min !== undefined || max !== undefined || only !== undefined || without.length > 0;
