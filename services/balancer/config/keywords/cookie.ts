import type { CookieConfig } from '../../model.ts';
import type { ProxyDraft } from '../draft.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import type { Context } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

const FLAGS = ['indirect', 'nocache', 'postonly', 'preserve'] as const;
const MODES = ['rewrite', 'insert', 'prefix'] as const;
const KNOWN =
  "'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly', 'preserve', 'httponly', 'secure', 'domain', 'attr', 'maxidle', 'maxlife' and 'dynamic'";

/** `cookie <name> [option*]`: manual, section 4.2. */
export function parseCookie(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  const name = statement.word(1);
  if (name === '') {
    problems.alert(statement.at(1), "'cookie' expects <cookie_name> as argument.");
    return;
  }
  const cookie: CookieConfig = {
    name,
    mode: undefined,
    indirect: false,
    nocache: false,
    postonly: false,
    preserve: false,
    httpOnly: false,
    secure: false,
    domains: [],
    attributes: [],
    maxidle: undefined,
    maxlife: undefined,
    dynamic: false,
  };
  const modes = new Set<(typeof MODES)[number]>();
  for (let index = 2; index < statement.length; index++) {
    const word = statement.word(index);
    const mode = MODES.find((known) => known === word);
    if (mode) modes.add(mode);
    else if (FLAGS.some((flag) => flag === word)) cookie[word as (typeof FLAGS)[number]] = true;
    else if (word === 'httponly') cookie.httpOnly = true;
    else if (word === 'secure') cookie.secure = true;
    else if (word === 'domain' || word === 'attr') {
      index += 1;
      const error = takeText(cookie, word, statement, index, context);
      if (error !== undefined) {
        problems.alert(statement.at(index), error);
        return;
      }
    } else if (word === 'maxidle' || word === 'maxlife') {
      index += 1;
      const error = takeAge(cookie, word, statement.word(index));
      if (error !== undefined) {
        problems.alert(statement.at(index), error);
        return;
      }
    } else if (word === 'dynamic') cookie.dynamic = true;
    else {
      problems.alert(statement.at(index), `'cookie' supports ${KNOWN} options.`);
      return;
    }
  }
  if (modes.has('rewrite') && cookie.indirect) {
    problems.alert(statement.position, "cookie 'rewrite' and 'indirect' modes are incompatible.");
  } else if (modes.size > 1) {
    const message = "cookie 'rewrite', 'insert' and 'prefix' modes are incompatible.";
    problems.alert(statement.position, message);
  } else if (cookie.preserve && !cookie.indirect && !modes.has('insert')) {
    const message = "cookie 'preserve' requires at least 'insert' or 'indirect'.";
    problems.alert(statement.position, message);
  } else {
    [cookie.mode] = modes;
    draft.settings.cookie = cookie;
  }
}

/** Seconds, where no unit is given. */
function takeAge(
  cookie: CookieConfig,
  word: 'maxidle' | 'maxlife',
  text: string,
): string | undefined {
  const duration = parseDuration(text, 's');
  if (duration.error?.kind === 'empty') return `'${word}' expects <idletime> as argument.`;
  if (duration.error) return describeDurationError(duration.error, text, `'${word}' argument`);
  cookie[word] = Math.ceil(duration.value / 1000) || undefined;
  return undefined;
}

function takeText(
  cookie: CookieConfig,
  word: 'domain' | 'attr',
  statement: Statement,
  index: number,
  { problems }: Context,
): string | undefined {
  const text = statement.word(index);
  if (text === '')
    return `'${word}' expects <${word === 'attr' ? 'value' : 'domain'}> as argument.`;
  const bad = (word === 'attr' ? /[;\p{Cc}]/u : /[^A-Za-z0-9.-]/).exec(text)?.[0];
  if (word === 'domain' && !text.slice(1, -1).includes('.')) {
    const message = `domain '${text}' contains no embedded dot, this configuration may not work properly (see RFC6265#5.2.3).`;
    problems.warn(statement.at(index), message);
  }
  if (bad !== undefined) return `character '${bad}' is not permitted in '${text}'.`;
  (word === 'attr' ? cookie.attributes : cookie.domains).push(text);
  return undefined;
}
