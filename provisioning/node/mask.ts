/** What stands where a secret was. */
export const MASK = '••••••';

const NAMES = '(?:password|passwd|pass|secret|token)';
/** `key: value` among others in braces: YAML and JSON. */
const IN_BRACES = new RegExp(`(${NAMES}["']?\\s*[:=]\\s*)("[^"]*"|'[^']*'|[^,}]+)`, 'gi');
/** The same on a line of its own, where the value goes to its end. */
const ON_A_LINE = new RegExp(`(${NAMES}["']?\\s*[:=]\\s*).+`, 'i');

const RULES: readonly [RegExp, string][] = [
  // Hashes of passwords, and what is derived from the cluster's secret.
  [/\$(?:argon2id?|scrypt|2[aby]|5|6|y)\$[^\s'"}]+/g, MASK],
  [/\b[0-9a-f]{24,}\b/gi, MASK],
  // A line of a key's or certificate's base64 (RFC 7468).
  [/^[A-Za-z0-9+/]{32,}={0,2}$/, MASK],
  // A login in an URL (RFC 3986, 3.2.1).
  [/(:\/\/[^\s:/@]*:)[^\s@/]+@/g, `$1${MASK}@`],
  // HAProxy's logins: `stats auth user:password`, `user NAME password WORD`.
  [/(\bstats\s+auth\s+['"]?[^\s:'"]+:)[^\n]*/g, `$1${MASK}`],
  [/(\b(?:insecure-)?password\s+)\S+/g, `$1${MASK}`],
  // keepalived's, whose value follows a space.
  [/(\bauth_pass\s+)\S+/g, `$1${MASK}`],
];

/** Text for a screen or a log: without what opens a door. */
export function maskSecrets(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      const masked = RULES.reduce(
        (left, [pattern, instead]) => left.replace(pattern, instead),
        line,
      );
      return masked.replace(line.includes('{') ? IN_BRACES : ON_A_LINE, `$1${MASK}`);
    })
    .join('\n');
}
