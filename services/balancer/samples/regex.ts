import { ExpressionError } from './fetch.ts';

/**
 * A POSIX or PCRE pattern as ours. What JavaScript writes otherwise is translated: `(?i)` in front,
 * `\A`, `\Z`, `\h` and the POSIX classes; the rest means the same in both.
 */
export function compileRegex(
  pattern: string,
  { ignoreCase = false, global = false }: { ignoreCase?: boolean; global?: boolean } = {},
): RegExp {
  let source = pattern;
  let insensitive = ignoreCase;
  const flags = /^\(\?([a-z]+)\)/.exec(source);
  if (flags && /^[ism]+$/.test(flags[1]!)) {
    source = source.slice(flags[0].length);
    insensitive ||= flags[1]!.includes('i');
  }
  source = source
    .replace(/\[:(\w+):\]/g, (whole, name: string) => POSIX[name] ?? whole)
    .replace(/\\([AZzh])/g, (_whole, letter: string) => PERL[letter]!)
    .replace(/\(\?P</g, '(?<')
    .replace(/(\*|\+|\?|\})\+/g, '$1');
  const modes = `${insensitive ? 'i' : ''}${global ? 'g' : ''}${flags?.[1]?.includes('s') ? 's' : ''}`;
  try {
    return new RegExp(source, modes);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^.*: /, '') : '';
    throw new ExpressionError(`regex '${pattern}' is invalid (${why.toLowerCase()})`);
  }
}

const POSIX: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: '\\s',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`{-~',
  xdigit: 'A-Fa-f0-9',
  word: '\\w',
};
const PERL: Readonly<Record<string, string>> = { A: '^', Z: '$', z: '$', h: '[ \\t]' };

/** The replacement with `\0` to `\9` (what matched and its groups) and `\xHH` filled in. */
export function expand(replacement: string, match: readonly (string | undefined)[]): string {
  return replacement.replace(
    /\\(?:(\d)|x([0-9a-fA-F]{2})|(.))/gs,
    (_whole, digit?: string, hex?: string, other?: string) => {
      if (digit !== undefined) return match[Number(digit)] ?? '';
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      return other ?? '';
    },
  );
}

/** `text` with the first match, or all of them, replaced. `regex` is a global one. */
export function substitute(
  text: string,
  regex: RegExp,
  replacement: string,
  everywhere: boolean,
): string {
  let done = '';
  let at = 0;
  regex.lastIndex = 0;
  for (let match = regex.exec(text); match; match = regex.exec(text)) {
    done += text.slice(at, match.index) + expand(replacement, match);
    at = match.index + match[0].length;
    if (match[0] === '') {
      done += text[at] ?? '';
      at += 1;
      regex.lastIndex = at;
    }
    if (!everywhere || at > text.length) break;
  }
  return done + text.slice(at);
}
