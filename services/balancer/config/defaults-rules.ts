import type { Position } from '../model.ts';
import type { ProxySection } from './draft.ts';
import { formatPosition } from './problem.ts';
import type { RulesDraft } from './rules-draft.ts';

/** The rules of a defaults section, and for which kind of proxy they are by now. */
export interface DefaultRules {
  readonly rules: RulesDraft;
  readonly position: Position;
  usedBy?: ProxySection;
}

/** Whether a section has rules that those that start from it take over. */
const hasRules = (rules: RulesDraft): boolean =>
  [
    rules.request,
    rules.response,
    rules.afterResponse,
    rules.tcpConnection,
    rules.tcpSession,
    rules.tcpContent,
    rules.tcpResponse,
  ].some((list) => list.length > 0);

/**
 * Why a section may not start from these rules; undefined = it may. They can be those of frontends
 * or of backends, and of nothing else (HAProxy 2.6 manual, section 4).
 */
export function inheritanceFault(section: ProxySection, from: DefaultRules): string | undefined {
  const { rules, position } = from;
  const where = `(defaults section at ${formatPosition({ ...position, column: 0 })})`;
  const captures = rules.requestCaptures.length + rules.responseCaptures.length > 0;
  if (captures && section !== 'frontend') {
    return `backend or defaults sections cannot inherit from a defaults section defining captures ${where}.`;
  }
  if (!hasRules(rules)) return undefined;
  if (section === 'defaults') {
    return `a defaults section cannot inherit from a defaults section defining TCP/HTTP rules ${where}.`;
  }
  if (section === 'listen') {
    return 'a listen section cannot inherit from a defaults section defining TCP/HTTP rules.';
  }
  if (from.usedBy !== undefined && from.usedBy !== section) {
    return `frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules ${where}.`;
  }
  if (section === 'backend' && rules.tcpConnection.length + rules.tcpSession.length > 0) {
    return `a backend section cannot inherit from a defaults section defining 'tcp-request connection' or 'tcp-request session' rules ${where}.`;
  }
  if (section === 'frontend' && rules.tcpResponse.length > 0) {
    return `a frontend section cannot inherit from a defaults section defining 'tcp-response content' rules ${where}.`;
  }
  from.usedBy = section;
  return undefined;
}
