import type { Rule, TcpAction } from '../rules/model.ts';
import { TcpScope } from '../tcp/tcp-scope.ts';
import type { HandleHandler } from './handler.ts';

/**
 * Runs `tcp-request connection` and `session` rules before the plane gets a connection (manual,
 * section 4.2). Both know the client as a PROXY header tells it, where `bind` accepts one.
 */
export function ruleConnections(handler: HandleHandler): HandleHandler {
  return (connection, context, done) => {
    const { rules } = context.config;
    if (!rules || rules.tcpConnection.length + rules.tcpSession.length === 0) {
      handler(connection, context, done);
      return;
    }
    const scope = new TcpScope(context, connection);
    for (const list of [rules.tcpConnection, rules.tcpSession]) {
      scope.connecting = list === rules.tcpConnection;
      const verdict = runList(list, scope);
      if (verdict === 'pass') continue;
      scope.sessionTrackers?.close();
      if (verdict === 'drop') connection.handle.reset();
      else connection.handle.close();
      done();
      return;
    }
    const { session } = scope;
    session.trackers?.session();
    const ended = (): void => {
      session.trackers?.close();
      done();
    };
    handler({ ...connection, client: scope.client, session }, context, ended);
  };
}

function runList(rules: readonly Rule<TcpAction>[], scope: TcpScope): 'pass' | 'reject' | 'drop' {
  for (const { when, action } of rules) {
    if (when && !when(scope)) continue;
    if (action.kind === 'run') action.run(scope);
    else if (action.kind === 'reject' || action.kind === 'drop') return action.kind;
    else return 'pass';
  }
  return 'pass';
}
