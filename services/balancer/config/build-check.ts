import {
  type CheckMethod,
  type CheckScope,
  type CheckStep,
  type CheckText,
  connectOnly,
  expectStep,
  implicitConnect,
  type SendStep,
  sendStep,
} from '../checks/steps.ts';
import type { CheckSettings, CommentRule, HttpRule, HttpSend } from './check-settings.ts';

/** Fields that follow from the message and cannot be set: HAProxy leaves them out, too. */
const OWN_FIELDS = new Set(['content-length', 'transfer-encoding']);
/** Methods that say nothing of a body where there is none. */
const BODILESS = new Set(['OPTIONS', 'GET', 'HEAD', 'DELETE']);
const STATE_FIELD = 'x-haproxy-server-state';

/** How the servers of a proxy are checked. */
export function buildCheck(settings: CheckSettings): CheckMethod {
  const { method } = settings;
  if (typeof method === 'object') return method;
  if (method === 'external') {
    return { kind: 'external', command: settings.command ?? '', path: settings.path };
  }
  if (method === 'http') return buildHttp(settings);
  if (method !== 'tcp') return connectOnly();
  const steps = withComments(settings.tcp.rules);
  return { kind: 'script', protocol: 'tcp', steps: withConnect(steps), drainOn404: false };
}

function buildHttp(settings: CheckSettings): CheckMethod {
  const rules = [...settings.http.rules];
  const [first, second] = rules;
  if (first?.kind === 'http-send' && first.implicit && second?.kind === 'connect') {
    rules.splice(0, 2, second, first);
  }
  const steps = withComments(rules).map(
    (rule): CheckStep => (rule.kind === 'http-send' ? buildSend(rule, settings) : rule),
  );
  const last = steps.at(-1);
  if (!last || last.kind === 'send') {
    const ranges = [[200, 399]] as const;
    steps.push(expectStep({ kind: 'status', ranges }, { index: last?.index ?? 0 }));
  }
  const { disableOn404: drainOn404 } = settings;
  return { kind: 'script', protocol: 'http', steps: withConnect(steps), drainOn404 };
}

function withConnect(steps: CheckStep[]): CheckStep[] {
  const first = steps.find(({ kind }) => kind !== 'set');
  return first?.kind === 'connect' ? steps : [implicitConnect(), ...steps];
}

/** A comment line is for the rules up to and with the next `connect`, or of its neighbour's kind. */
function withComments<Rule extends CheckStep | HttpRule>(
  rules: readonly (Rule | CommentRule)[],
): Exclude<Rule, CommentRule>[] {
  const made: Exclude<Rule, CommentRule>[] = [];
  let comment: string | undefined;
  let before = 'comment';
  for (const rule of rules) {
    if (rule.kind !== before && before !== 'comment') comment = undefined;
    before = rule.kind;
    if (rule.kind === 'comment') {
      comment = rule.comment;
      continue;
    }
    made.push({ ...rule, comment: rule.comment ?? comment } as Exclude<Rule, CommentRule>);
    if (rule.kind === 'connect' || rule.kind === 'set') comment = undefined;
  }
  return made;
}

/** The request, made once where nothing in it depends on the moment. */
function buildSend(rule: HttpSend, { sendState }: CheckSettings): SendStep {
  const { method = 'OPTIONS', uri = '/', version = 'HTTP/1.0', body = '' } = rule;
  // Names in lower case, as they are in forwarded requests.
  const fields = rule.fields
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !OWN_FIELDS.has(name));
  const state: CheckText = ({ subject }) => subject.state?.() ?? '';
  const closes = version !== 'HTTP/1.0' && !fields.some(([name]) => name === 'connection');
  if (sendState) fields.push([STATE_FIELD, state]);
  const request = (scope: CheckScope): string => {
    const target = textOf(uri, scope) || '/';
    const content = textOf(body, scope);
    let head = `${method} ${target} ${version}\r\n`;
    for (const [name, value] of fields) {
      const text = value(scope);
      if (text !== '') head += `${name}: ${text}\r\n`;
    }
    if (content !== '' || !BODILESS.has(method)) head += `content-length: ${content.length}\r\n`;
    if (closes) head += 'connection: close\r\n';
    return `${head}\r\n${content}`;
  };
  const { index, comment } = rule;
  return sendStep(request, { index, comment, method });
}

/** latin1, as on the wire. */
function textOf(text: string | CheckText, scope: CheckScope): string {
  return typeof text === 'string' ? Buffer.from(text).toString('latin1') : text(scope);
}
