import type { ProxyConfig } from '../model.ts';
import type { HttpAction, Rule } from '../rules/model.ts';
import { countStatus } from '../stickiness/table/trackers.ts';
import type { LocalResponse } from './errors.ts';
import type { ResponseHead } from './head.ts';
import type { HttpScope } from './http-scope.ts';
import { Message } from './message.ts';

/** What came of a server's response: passed on (perhaps changed), or answered otherwise. */
export type ResponseVerdict =
  | { readonly kind: 'pass'; readonly head: ResponseHead }
  | { readonly kind: 'answer'; readonly response: LocalResponse; readonly denied: boolean }
  | { readonly kind: 'drop' }
  | Refusal;

/** Refused without a word, by a rule on connections. */
export interface Refusal {
  readonly kind: 'reject';
  readonly drop: boolean;
}

/** Rules of the backend come first (manual, `http-response`). */
function proxiesOf(scope: HttpScope): ProxyConfig[] {
  const front = scope.frontend.config;
  const back = scope.backend?.config;
  return back && back !== front ? [back, front] : [front];
}

/** Runs `http-response` and `http-after-response` on a server's response. */
export function ruleResponse(scope: HttpScope, head: ResponseHead): ResponseVerdict {
  const message = new Message(head);
  countStatus(scope, head.status);
  scope.responded(message);
  const { server, sticking } = scope;
  if (sticking && server) sticking.served(scope, server);
  const refused = scope.backend?.config.rules?.responseDelay ? runTcpRules(scope) : undefined;
  if (refused) return refused;
  scope.captureResponse();
  for (const config of proxiesOf(scope)) {
    const verdict = runList(config.rules?.response, scope, config);
    if (verdict) return verdict;
  }
  scope.captureResponseCookie();
  afterResponse(scope);
  return { kind: 'pass', head: message.changed ? withMessage(head, message) : head };
}

/**
 * `tcp-response content` of the backend. With a delay they wait for the head; else they run when the
 * connection is there, and know nothing of the response (manual, `tcp-response content`).
 */
function runTcpRules(scope: HttpScope): Refusal | undefined {
  for (const { when, action, position } of scope.backend?.config.rules?.tcpResponse ?? []) {
    if (when && !when(scope)) continue;
    if (action.kind === 'run') {
      action.run(scope);
      continue;
    }
    scope.lastRule = position;
    if (action.kind === 'accept') return undefined;
    if (action.kind === 'close') {
      scope.closeServer = true;
      return undefined;
    } else return { kind: 'reject', drop: action.kind === 'drop' };
  }
  return undefined;
}

/** Rules that do not wait for the response. */
export function ruleConnected(scope: HttpScope): Refusal | undefined {
  return scope.backend?.config.rules?.responseDelay ? undefined : runTcpRules(scope);
}

function runList(
  rules: readonly Rule<HttpAction>[] | undefined,
  scope: HttpScope,
  config: ProxyConfig,
): ResponseVerdict | undefined {
  for (const { when, action, position } of rules ?? []) {
    if (when && !when(scope)) continue;
    if (action.kind === 'run') {
      action.run(scope);
      continue;
    }
    const replies = action.kind === 'deny' || action.kind === 'return';
    const response = replies ? action.reply(scope, config) : undefined;
    if (replies && !response) continue;
    scope.lastRule = position;
    if (response) return { kind: 'answer', response, denied: action.kind === 'deny' };
    return action.kind === 'drop' ? { kind: 'drop' } : undefined;
  }
  return undefined;
}

function afterResponse(scope: HttpScope): void {
  for (const { rules } of proxiesOf(scope)) {
    for (const { when, action, position } of rules?.afterResponse ?? []) {
      if (when && !when(scope)) continue;
      if (action.kind === 'run') {
        action.run(scope);
        continue;
      }
      scope.lastRule = position;
      if (action.kind === 'allow') break;
    }
  }
}

/** Runs `http-after-response` on a response of our own. */
export function ruleLocalResponse(scope: HttpScope, response: LocalResponse): LocalResponse {
  const ruled = proxiesOf(scope).some(({ rules }) => (rules?.afterResponse.length ?? 0) > 0);
  if (!ruled || response.text === '') return response;
  const message = new Message({ text: response.text, lineLength: response.text.indexOf('\r\n') });
  scope.responded(message);
  afterResponse(scope);
  if (!message.changed) return response;
  const counted = response.counted + countedOf(message.text) - countedOf(response.text);
  return { ...response, status: message.status, text: message.text, counted };
}

/** Counted in bytes as it came from the server (HAProxy). */
function withMessage(head: ResponseHead, message: Message): ResponseHead {
  return {
    ...head,
    status: message.status,
    text: message.text,
    lineLength: message.lineLength,
  };
}

/** Bytes of names and values alone, as HAProxy counts: no colons, blanks or line ends. */
function countedOf(text: string): number {
  const lines = text.split('\r\n').length - 1;
  return text.length - 4 * lines;
}
