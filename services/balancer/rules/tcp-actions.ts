import { ExpressionError } from '../samples/fetch.ts';
import type { RuleContext } from './context.ts';
import type { HttpActionRow } from './http-actions.ts';
import type { TcpAction } from './model.ts';
import {
  captureAction,
  setAddressAction,
  setVarAction,
  setVarFormatAction,
  unsetVarAction,
} from './shared-actions.ts';
import { TRACK_ACTIONS } from './track-actions.ts';
import type { Words } from './words.ts';

export type TcpPhase = 'connection' | 'session' | 'content';

export interface TcpActionRow {
  readonly usage: string;
  readonly summary: string;
  readonly phases: readonly TcpPhase[];
  parse(words: Words, context: RuleContext, argument: string): TcpAction;
}

const EVERYWHERE: readonly TcpPhase[] = ['connection', 'session', 'content'];

const single = (kind: 'accept' | 'reject' | 'drop', summary: string): TcpActionRow => ({
  usage: '',
  summary,
  phases: EVERYWHERE,
  parse: () => ({ kind }),
});

/** An action that HTTP rules have, too. */
const shared = (row: HttpActionRow, phases: readonly TcpPhase[]): TcpActionRow => ({
  usage: row.usage,
  summary: row.summary,
  phases,
  parse: (words, context, argument) => {
    const action = row.parse(words, context, argument, 'request');
    if (action.kind !== 'run') throw new ExpressionError('cannot be used here');
    return action;
  },
});

/** Actions of `tcp-request`: HAProxy 2.6 manual, section 4.2. */
export const TCP_ACTIONS: Readonly<Record<string, TcpActionRow>> = {
  accept: single('accept', 'no more rules of this list'),
  reject: single('reject', 'closes the connection'),
  'silent-drop': single('drop', 'forgets the connection without a word to the client'),
  capture: shared(captureAction, ['content']),
  'set-var': shared(setVarAction, EVERYWHERE),
  'set-var-fmt': shared(setVarFormatAction, EVERYWHERE),
  'unset-var': shared(unsetVarAction, EVERYWHERE),
  'set-src': shared(setAddressAction('source', 'host'), EVERYWHERE),
  'set-src-port': shared(setAddressAction('source', 'port'), EVERYWHERE),
  'set-dst': shared(setAddressAction('target', 'host'), EVERYWHERE),
  'set-dst-port': shared(setAddressAction('target', 'port'), EVERYWHERE),
  ...Object.fromEntries(
    Object.entries(TRACK_ACTIONS).map(([name, row]) => [name, shared(row, EVERYWHERE)]),
  ),
};
