import type { ProxyConfig, ServerConfig } from '../../model.ts';
import { parseAddress } from '../address.ts';
import type { ProxyDraft } from '../draft.ts';
import { isHostName } from '../host-names.ts';
import { type Context, onlyArguments } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

/** `dispatch <addr>:<port>`: HAProxy 2.6 manual, section 4.2. */
export function parseDispatch(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems, hostNames, environment } = context;
  const text = statement.word(1);
  const fail = (message: string): void =>
    problems.alert(statement.at(1), `'dispatch' : ${message}`);
  const parsed = parseAddress(text, environment);
  if (parsed.error !== undefined) {
    fail(parsed.error);
    return;
  }
  const { host, ports, family } = parsed.address;
  if (!ports) {
    fail(`missing port specification in '${text}'`);
    return;
  }
  if (ports.first !== ports.last) {
    fail(`port range not permitted here in '${text}'`);
    return;
  }
  if (!onlyArguments(statement, 1, context)) return;
  const { position } = statement;
  const server = elsewhere({ host: host === '' ? '0.0.0.0' : host, port: ports.first, position });
  draft.dispatch = server;
  if (!isHostName(host)) return;
  hostNames.add({
    name: host,
    family,
    position,
    subject: "'dispatch'",
    apply: (found) => {
      server.host = found;
    },
  });
}

/** Where what no server gets is sent, which logs call `<NOSRV>` and statistics do not show. */
const elsewhere = (
  place: Pick<ServerConfig, 'host' | 'port' | 'position' | 'takesOver'>,
): ServerConfig => ({
  name: '<NOSRV>',
  id: 0,
  weight: 1,
  maxconn: undefined,
  minconn: undefined,
  maxqueue: undefined,
  slowstart: undefined,
  backup: false,
  disabled: false,
  check: undefined,
  sendProxy: undefined,
  source: undefined,
  cookie: undefined,
  ...place,
});

/** `dispatch`, else `option transparent`: to where the client has asked for. */
export function dispatchOf({ dispatch, settings, position }: ProxyDraft): ProxyConfig['dispatch'] {
  if (settings.balanced) return undefined;
  const { transparent, source } = settings;
  const takesOver = { host: true, port: true };
  const found =
    dispatch ??
    (transparent ? elsewhere({ host: '0.0.0.0', port: 0, position, takesOver }) : undefined);
  return found && { ...found, source };
}
