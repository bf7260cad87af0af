/** Parts of requests as fetches see them. */

/** The path of a target, whichever form it has: from the first slash behind the authority. */
export function pathAndQuery(target: string): string {
  if (target.startsWith('/')) return target;
  const scheme = target.indexOf('://');
  if (scheme < 0) return '';
  const slash = target.indexOf('/', scheme + 3);
  return slash < 0 ? '' : target.slice(slash);
}

export function pathOf(target: string): string {
  const path = pathAndQuery(target);
  const end = path.search(/[?#]/);
  return end < 0 ? path : path.slice(0, end);
}

/** Without the question mark; undefined without one. */
export function queryOf(target: string): string | undefined {
  const at = target.indexOf('?');
  return at < 0 ? undefined : target.slice(at + 1);
}

/** The values of a field's lines, split at commas outside of quotes, blanks around them gone. */
export function listOf(lines: readonly string[]): string[] {
  const all: string[] = [];
  for (const line of lines) {
    let from = 0;
    let quoted = false;
    for (let at = 0; at <= line.length; at++) {
      const char = line[at];
      if (quoted && char === '\\') at += 1;
      else if (char === '"') quoted = !quoted;
      else if (char === undefined || (char === ',' && !quoted)) {
        all.push(line.slice(from, at).replace(/^[ \t]+|[ \t]+$/g, ''));
        from = at + 1;
      }
    }
  }
  return all;
}

/** Name and value of each cookie of a `cookie` field. */
export function* cookiesOf(field: string): Generator<[name: string, value: string]> {
  for (const part of field.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    yield [trim(part.slice(0, equals)), unquoted(trim(part.slice(equals + 1)))];
  }
}

/** Blanks around a value are none of it (RFC 9110, 5.5). */
export const trim = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');
const unquoted = (text: string): string => /^"(.*)"$/.exec(text)?.[1] ?? text;

/** Name and value of each parameter between delimiters; only those with a sign. */
export function* parametersOf(
  text: string,
  delimiter = '&',
): Generator<[name: string, value: string]> {
  // What opens the list ends a parameter, too (HAProxy).
  for (const part of text.replaceAll(delimiter, '&').split(/[&;]/)) {
    const equals = part.indexOf('=');
    if (equals >= 0) yield [part.slice(0, equals), part.slice(equals + 1)];
  }
}

/** Occurrence `index` counts from 1, from the end where it is negative. */
export function occurrence<T>(all: readonly T[], index: number): T | undefined {
  return index > 0 ? all[index - 1] : all.at(index);
}
