import type { LogFormatter } from '../log/log-format.ts';
import type { Position } from '../model.ts';
import type { AclTable, Condition } from '../rules/condition.ts';
import type {
  FieldCapture,
  HttpAction,
  OriginalTo,
  Persistence,
  ProxyRules,
  Rule,
  TcpAction,
} from '../rules/model.ts';
import { nameRule } from '../rules/name-rule.ts';
import type { StickRule } from '../stickiness/table/sticking.ts';
import type { RuleKind } from './rule-order.ts';

/** A proxy or server that a rule names, to be looked up once everything is read. */
export interface Reference {
  readonly kind:
    | 'backend'
    | 'frontend'
    | 'server'
    | 'use_backend'
    | 'use-server'
    | 'capture'
    | 'table'
    | 'stick-table';
  readonly name: string;
  readonly position: Position;
}

/** The rules of one proxy while it is read. */
export class RulesDraft {
  readonly acls: AclTable = new Map();
  readonly request: Rule<HttpAction>[] = [];
  readonly response: Rule<HttpAction>[] = [];
  readonly afterResponse: Rule<HttpAction>[] = [];
  readonly redirects: Rule<HttpAction>[] = [];
  readonly tcpConnection: Rule<TcpAction>[] = [];
  readonly tcpSession: Rule<TcpAction>[] = [];
  readonly tcpContent: Rule<TcpAction>[] = [];
  readonly tcpResponse: Rule<TcpAction>[] = [];
  readonly useBackend: Rule<string | LogFormatter>[] = [];
  readonly useServer: Rule<string | LogFormatter>[] = [];
  readonly persistence: Rule<Persistence>[] = [];
  readonly sticks: StickRule[] = [];
  readonly monitorFail: Condition[] = [];
  readonly requestCaptures: FieldCapture[] = [];
  readonly responseCaptures: FieldCapture[] = [];
  readonly references: Reference[] = [];
  cookieCapture: (FieldCapture & { prefix: boolean }) | undefined;
  inspectDelay: number | undefined;
  responseDelay: number | undefined;
  /** Kinds of rules that stand in the section so far, in no order that is theirs. */
  readonly placed = new Set<RuleKind>();
  /** Keywords whose last rule lets nothing by. */
  readonly closed = new Set<string>();

  /** Rules of a named defaults section come before the proxy's own. */
  inherit(from: RulesDraft): void {
    this.request.push(...from.request);
    this.response.push(...from.response);
    this.afterResponse.push(...from.afterResponse);
    this.tcpConnection.push(...from.tcpConnection);
    this.tcpSession.push(...from.tcpSession);
    this.tcpContent.push(...from.tcpContent);
    this.tcpResponse.push(...from.tcpResponse);
    this.requestCaptures.push(...from.requestCaptures);
    this.responseCaptures.push(...from.responseCaptures);
    this.inspectDelay ??= from.inspectDelay;
    this.responseDelay ??= from.responseDelay;
  }
}

/** What is inherited from a defaults section as plain data. */
export interface RuleSettings {
  monitorUri: string | undefined;
  uniqueIdFormat: FormatText | undefined;
  uniqueIdHeader: string | undefined;
  logFormat: FormatText | undefined;
  logFormatSd: FormatText | undefined;
  errorLogFormat: FormatText | undefined;
  bufferRequest: boolean;
  originalTo: OriginalTo | undefined;
  forwarded: boolean;
  /** `option http-restrict-req-hdr-names`. */
  restrictNames: 'preserve' | 'delete' | 'reject' | undefined;
}

export interface FormatText {
  text: string;
  position: Position;
}

export const newRuleSettings = (): RuleSettings => ({
  monitorUri: undefined,
  uniqueIdFormat: undefined,
  uniqueIdHeader: undefined,
  logFormat: undefined,
  logFormatSd: undefined,
  errorLogFormat: undefined,
  bufferRequest: false,
  originalTo: undefined,
  forwarded: false,
  restrictNames: undefined,
});

/** undefined where nothing of the proxy looks at traffic, so that nobody has to ask. */
export function buildRules(
  draft: RulesDraft,
  settings: RuleSettings,
  uniqueIdFormat: LogFormatter | undefined,
): ProxyRules | undefined {
  const {
    references: _references,
    acls: _acls,
    placed: _placed,
    closed: _closed,
    ...lists
  } = draft;
  const { monitorUri, uniqueIdHeader, bufferRequest, originalTo, forwarded } = settings;
  const restrict = settings.restrictNames;
  const request =
    restrict === 'delete' || restrict === 'reject'
      ? [nameRule(restrict), ...draft.request]
      : draft.request;
  const nothing =
    Object.values(lists).every(
      (list) => list === undefined || (Array.isArray(list) && list.length === 0),
    ) &&
    monitorUri === undefined &&
    uniqueIdFormat === undefined &&
    !bufferRequest &&
    originalTo === undefined &&
    !forwarded &&
    request.length === 0;
  if (nothing) return undefined;
  return {
    ...lists,
    request,
    monitorUri,
    uniqueIdFormat,
    uniqueIdHeader,
    bufferRequest,
    originalTo,
    forwarded,
  };
}
