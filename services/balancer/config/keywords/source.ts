import type { Address } from '../../model.ts';
import { parseAddress } from '../address.ts';
import type { ProxyDraft } from '../draft.ts';
import type { Context } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

/** `<addr>[:<port>]` of ours; a text says what is wrong with it. */
export function readSource(text: string, { environment }: Context): Address | string {
  // Port 0 stands for any, like none.
  const parsed = parseAddress(text.replace(/(?<=[^:]):0+$/, ''), environment);
  if (parsed.error !== undefined) return parsed.error;
  const { host, ports } = parsed.address;
  if (ports && ports.first !== ports.last) return `port range not permitted here in '${text}'`;
  return { host, port: ports?.first ?? 0 };
}

/** `source <addr>[:<port>]`: HAProxy 2.6 manual, section 4.2. */
export function parseSource(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  const text = statement.word(1);
  if (text === '') {
    const message =
      "'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>.";
    problems.alert(statement.position, message);
    return;
  }
  const source = readSource(text, context);
  if (typeof source === 'string') {
    problems.alert(statement.at(1), `'source ${text}' : ${source}`);
    return;
  }
  const extra = statement.word(2);
  if (extra !== '') {
    const message =
      extra === 'usesrc' || extra === 'interface'
        ? `unsupported keyword '${extra}': HAProxy has it, this balancer does not.`
        : "'source' only supports optional keywords 'interface' and 'usesrc'.";
    problems.alert(statement.at(2), message);
    return;
  }
  draft.settings.source = source;
}
