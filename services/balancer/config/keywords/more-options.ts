import type { ProxyDraft } from '../draft.ts';
import { type Context, onlyArguments, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import type { OptionKeyword } from './options.ts';

/** A hint at HAProxy's own machinery, or what is done anyway. */
const accepted = (side: OptionKeyword['side'], why: string): OptionKeyword => ({
  usage: '',
  summary: `accepted: ${why}`,
  side,
  set: (_draft, statement, context) => {
    onlyArguments(statement, 0, context, 2);
  },
  unset: () => {},
});

/** What has no counterpart here: said where it is used. */
const without = (name: string, side: OptionKeyword['side'], why: string): OptionKeyword => ({
  usage: '',
  summary: `accepted with a notice: ${why}`,
  side,
  set: (_draft, statement, context) => {
    if (!onlyArguments(statement, 0, context, 2)) return;
    context.problems.notice(statement.position, `'option ${name}' is not applied: ${why}.`);
  },
  unset: () => {},
});

const flag = (
  key:
    | 'acceptInvalidRequest'
    | 'acceptInvalidResponse'
    | 'dontlogNormal'
    | 'logSeparateErrors'
    | 'logasap',
  side: OptionKeyword['side'],
  summary: string,
): OptionKeyword => ({
  usage: '',
  summary,
  side,
  set: (draft, statement, context) => {
    if (onlyArguments(statement, 0, context, 2)) draft.settings.options[key] = true;
  },
  unset: (draft) => {
    draft.settings.options[key] = false;
  },
});

const NAMES = ['preserve', 'delete', 'reject'] as const;

function restrictNames(draft: ProxyDraft, statement: Statement, { problems }: Context): void {
  const text = statement.word(2);
  const found = NAMES.find((name) => name === text);
  if (found) {
    draft.settings.rules.restrictNames = found;
    return;
  }
  const message = `invalid parameter '${text}' for 'option http-restrict-req-hdr-names', only 'preserve', 'delete' and 'reject' are supported${suggestion(text, NAMES)}.`;
  problems.alert(statement.at(2), message);
}

/** Options that say how to log, and those that ask for nothing here. Manual, section 4.2. */
export const MORE_OPTIONS: Readonly<Record<string, OptionKeyword>> = {
  'accept-invalid-http-request': flag(
    'acceptInvalidRequest',
    'frontend',
    'requests may have characters in target and names that they must not have',
  ),
  'accept-invalid-http-response': flag(
    'acceptInvalidResponse',
    'backend',
    'responses may have characters in names that they must not have',
  ),
  'dontlog-normal': flag('dontlogNormal', 'frontend', 'no log line for what went well'),
  'log-separate-errors': flag(
    'logSeparateErrors',
    'frontend',
    'what went wrong is logged at level err',
  ),
  logasap: flag('logasap', 'frontend', 'log when the response begins, with `+` at times and bytes'),
  'http-restrict-req-hdr-names': {
    usage: '{ preserve | delete | reject }',
    summary: 'what becomes of request fields with other signs than letters, digits and hyphens',
    side: 'both',
    set: restrictNames,
    unset: (draft) => {
      draft.settings.rules.restrictNames = undefined;
    },
  },
  contstats: accepted('frontend', 'bytes are counted when they pass'),
  'disable-h2-upgrade': accepted('frontend', 'HTTP/1 is all that is spoken'),
  'idle-close-on-response': accepted('frontend', 'a reload interrupts no request'),
  'splice-auto': accepted('both', 'the kernel is not asked to splice'),
  'splice-request': accepted('both', 'the kernel is not asked to splice'),
  'splice-response': accepted('both', 'the kernel is not asked to splice'),
  'tcp-smart-accept': accepted('frontend', 'the kernel acknowledges as it likes'),
  'tcp-smart-connect': accepted('backend', 'the kernel acknowledges as it likes'),
  nolinger: without('nolinger', 'both', 'connections end in order'),
  'prefer-last-server': without(
    'prefer-last-server',
    'backend',
    'each request is balanced; use a cookie to keep clients at a server',
  ),
  'socket-stats': without('socket-stats', 'frontend', 'listeners have no rows of their own'),
};
