import type {
  CheckMethod,
  CheckStep,
  CheckText,
  ConnectStep,
  ExpectStep,
  SetStep,
} from '../checks/steps.ts';
import type { Position } from '../model.ts';

/** `http-check send`, or what `option httpchk` says (`implicit`). */
export interface HttpSend {
  kind: 'http-send';
  index: number;
  comment: string | undefined;
  implicit: boolean;
  method: string | undefined;
  uri: string | CheckText | undefined;
  version: string | undefined;
  fields: [name: string, value: CheckText][];
  body: string | CheckText | undefined;
}

/** A comment that stands by itself is for the rules that follow. */
export interface CommentRule {
  kind: 'comment';
  index: number;
  comment: string;
}

export type HttpRule = ConnectStep | HttpSend | ExpectStep | SetStep | CommentRule;
export type TcpRule = CheckStep | CommentRule;

/** Rules of one kind. What a section inherits is replaced by its own first rule. */
export interface RuleSet<Rule> {
  rules: Rule[];
  inherited: boolean;
}

/** Everything that decides how servers are checked. */
export interface CheckSettings {
  /** Which `option …-check` is in force; a method where that needs no rules. */
  method: 'tcp' | 'http' | 'external' | CheckMethod | undefined;
  tcp: RuleSet<TcpRule>;
  http: RuleSet<HttpRule>;
  disableOn404: boolean;
  sendState: boolean;
  command: string | undefined;
  path: string | undefined;
  /** Where `option external-check` stands. */
  position: Position | undefined;
}

export const newCheckSettings = (): CheckSettings => ({
  method: undefined,
  tcp: { rules: [], inherited: false },
  http: { rules: [], inherited: false },
  disableOn404: false,
  sendState: false,
  command: undefined,
  path: undefined,
  position: undefined,
});

/** A copy for a section that starts from these. Rules are never changed, so they are shared. */
export const inheritCheckSettings = (settings: CheckSettings): CheckSettings => ({
  ...settings,
  tcp: { rules: settings.tcp.rules, inherited: true },
  http: { rules: settings.http.rules, inherited: true },
});

/** The section's own rules, to add to. */
export function ownRules<Rule>(set: RuleSet<Rule>): Rule[] {
  if (set.inherited) {
    set.inherited = false;
    set.rules = [];
  }
  return set.rules;
}
