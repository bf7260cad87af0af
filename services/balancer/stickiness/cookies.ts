/** What is done to one cookie of a `cookie` line: kept, dropped, or given another value. */
export type Edit = undefined | 'drop' | { value: string };

/** Blanks around the sign go, as in HAProxy. */
const AROUND_SIGN = /[ \t]*=[ \t]*/;
const BLANKS_AHEAD = /^[ \t]+/;
const DELIMITER_BEHIND = /[ \t]*;[ \t]*$/;

/**
 * Shows every cookie called `name` in the value of a `cookie` field to `decide` and carries out
 * what it says. Returns the new value, '' when no cookie is left; the rest stays byte for byte,
 * but for blanks around a gap or an equals sign.
 */
export function editCookies(value: string, name: string, decide: (value: string) => Edit): string {
  let done = '';
  let rest: string | undefined = value;
  while (rest !== undefined) {
    const end: number = endOfPair(rest);
    const pair = rest.slice(0, end).replace(AROUND_SIGN, '=');
    rest = end < rest.length ? rest.slice(end + 1) : undefined;
    const equals = pair.indexOf('=');
    const hit = equals >= 0 && pair.slice(0, equals).trim() === name;
    const old = hit ? pair.slice(equals + 1).trim() : '';
    const edit = hit ? decide(old) : undefined;
    if (edit === 'drop') {
      done = done.replace(DELIMITER_BEHIND, '');
      rest = rest?.replace(BLANKS_AHEAD, '');
      if (rest !== undefined && done !== '') done += '; ';
      continue;
    }
    done += edit ? pair.slice(0, pair.indexOf(old, equals + 1)) + edit.value : pair;
    if (rest !== undefined) done += ';';
  }
  return done;
}

/** Where the first cookie ends: at a semicolon outside of quotes. */
function endOfPair(text: string): number {
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') quoted = !quoted;
    else if (char === ';' && !quoted) return at;
  }
  return text.length;
}

/** Name and value of a `set-cookie` field, and where the value stands in it. */
export function setCookieOf(
  field: string,
): { name: string; value: string; start: number } | undefined {
  const found = /^[ \t]*([^=;]*?)[ \t]*=[ \t]*("[^"]*"|[^;]*?)[ \t]*(?:;|$)/.exec(field);
  if (!found) return undefined;
  const [, name = '', value = ''] = found;
  const start = field.indexOf(value, field.indexOf('=') + 1);
  return { name, value, start };
}
