import { ExpressionError } from '../samples/fetch.ts';
import type { RuleContext } from './context.ts';
import type { HttpActionRow } from './http-actions.ts';
import { LIMIT_ACTIONS } from './limit-actions.ts';
import type { TcpAction } from './model.ts';
import { resolveAction } from './resolve-action.ts';
import {
  captureAction,
  setAddressAction,
  setVarAction,
  setVarFormatAction,
  unsetVarAction,
} from './shared-actions.ts';
import { TRACK_ACTIONS } from './track-actions.ts';
import type { Words } from './words.ts';

export type TcpPhase = 'connection' | 'session' | 'content' | 'response';

export interface TcpActionRow {
  readonly usage: string;
  readonly summary: string;
  readonly phases: readonly TcpPhase[];
  parse(words: Words, context: RuleContext, argument: string): TcpAction;
}

const REQUEST: readonly TcpPhase[] = ['connection', 'session', 'content'];
const EVERYWHERE: readonly TcpPhase[] = [...REQUEST, 'response'];

const single = (
  kind: 'accept' | 'reject' | 'drop' | 'close',
  summary: string,
  phases = EVERYWHERE,
): TcpActionRow => ({
  usage: '',
  summary,
  phases,
  parse: () => ({ kind }),
});

/** An action that HTTP rules have, too. */
const shared = (row: HttpActionRow, phases: readonly TcpPhase[]): TcpActionRow => ({
  usage: row.usage,
  summary: row.summary,
  phases,
  parse: (words, context, argument) => {
    const action = row.parse(words, context, argument, 'request');
    if (action.kind !== 'run' && action.kind !== 'await')
      throw new ExpressionError('cannot be used here');
    return action;
  },
});

/** Actions of `tcp-request` and `tcp-response`: HAProxy 2.6 manual, section 4.2. */
export const TCP_ACTIONS: Readonly<Record<string, TcpActionRow>> = {
  accept: single('accept', 'no more rules of this list'),
  reject: single('reject', 'closes the connection'),
  'silent-drop': single('drop', 'forgets the connection without a word to the client'),
  close: single('close', 'ends the connection to the server', ['response']),
  'set-log-level': shared(LIMIT_ACTIONS['set-log-level']!, ['content', 'response']),
  capture: shared(captureAction, ['content']),
  'do-resolve': shared(resolveAction, ['content']),
  'set-var': shared(setVarAction, EVERYWHERE),
  'set-var-fmt': shared(setVarFormatAction, EVERYWHERE),
  'unset-var': shared(unsetVarAction, EVERYWHERE),
  'set-src': shared(setAddressAction('source', 'host'), REQUEST),
  'set-src-port': shared(setAddressAction('source', 'port'), REQUEST),
  'set-dst': shared(setAddressAction('target', 'host'), REQUEST),
  'set-dst-port': shared(setAddressAction('target', 'port'), REQUEST),
  ...Object.fromEntries(
    Object.entries(TRACK_ACTIONS).map(([name, row]) => [
      name,
      shared(row, name.startsWith('track-') ? REQUEST : EVERYWHERE),
    ]),
  ),
};
