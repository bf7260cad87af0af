/** HAProxy's version whose language this is: what files compare with. */
export const LANGUAGE_VERSION = '2.6.12';

/** Build options of HAProxy that stand for something here as well. */
const FEATURES: ReadonlySet<string> = new Set([
  'CRYPT_H',
  'EPOLL',
  'GETADDRINFO',
  'LIBCRYPT',
  'OPENSSL',
  'PCRE2',
  'POLL',
  'PROMEX',
  'SLZ',
  'SYSTEMD',
  'THREAD',
]);

type Variables = ReadonlyMap<string, string>;

export interface Predicate {
  readonly usage: string;
  readonly summary: string;
  /** Arguments that it needs. */
  readonly count: 1 | 2;
  holds(first: string, second: string, variables: Variables): boolean;
}

/** What conditional blocks may ask: HAProxy 2.6 manual, section 2.4. */
export const PREDICATES: Readonly<Record<string, Predicate>> = {
  defined: {
    usage: '<name>',
    summary: 'an environment variable of this name exists',
    count: 1,
    holds: (name, _second, variables) => variables.has(name),
  },
  feature: {
    usage: '<name>',
    summary: 'what this build option of HAProxy brings is there',
    count: 1,
    holds: (name) => FEATURES.has(name),
  },
  streq: {
    usage: '<str1>,<str2>',
    summary: 'both texts are equal',
    count: 2,
    holds: (first, second) => first === second,
  },
  strneq: {
    usage: '<str1>,<str2>',
    summary: 'the texts differ',
    count: 2,
    holds: (first, second) => first !== second,
  },
  version_atleast: {
    usage: '<version>',
    summary: `the language is at least of this version (it is ${LANGUAGE_VERSION})`,
    count: 1,
    holds: (version) => compareVersions(LANGUAGE_VERSION, version) >= 0,
  },
  version_before: {
    usage: '<version>',
    summary: 'the language is older than this version',
    count: 1,
    holds: (version) => compareVersions(LANGUAGE_VERSION, version) < 0,
  },
  openssl_version_atleast: {
    usage: '<version>',
    summary: 'OpenSSL is at least of this version',
    count: 1,
    holds: (version) => compareVersions(process.versions.openssl, version) >= 0,
  },
  openssl_version_before: {
    usage: '<version>',
    summary: 'OpenSSL is older than this version',
    count: 1,
    holds: (version) => compareVersions(process.versions.openssl, version) < 0,
  },
  ssllib_name_startswith: {
    usage: '<name>',
    summary: 'the name of the TLS library begins so (it is OpenSSL)',
    count: 1,
    holds: (name) => 'OpenSSL'.startsWith(name),
  },
};

/** Number by number; what is missing counts as 0, a development version as older. */
function compareVersions(one: string, other: string): number {
  const [a, b] = [numbersOf(one), numbersOf(other)];
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbersOf(version: string): number[] {
  const [main = '', development] = version.split('-dev');
  const numbers = main.split(/[.+-]/).map((part) => Number.parseInt(part, 10) || 0);
  if (development === undefined) return numbers;
  // 2.6-dev3 comes behind 2.5 with all its fixes, and before 2.6.
  while (numbers.length < 3) numbers.push(0);
  return [...numbers, (Number.parseInt(development, 10) || 0) - DEVELOPMENT];
}

/** More development versions than there ever are of one. */
const DEVELOPMENT = 1_000_000;
