import type { AcceptedHandle, ClientAddress } from '../listeners/handler.ts';
import type { Sample } from '../samples/sample.ts';
import type { Scope } from '../samples/scope.ts';
import { PROCESS_VARIABLES, type VariableName } from '../samples/variables.ts';
import type { Backend } from '../servers/backend.ts';
import type { FrontendContext } from '../servers/types.ts';

/** What expressions may look at when a server is chosen for a connection in mode tcp. */
export class ConnectionScope implements Scope {
  readonly frontend: FrontendContext;
  readonly backend: Backend;
  readonly client: ClientAddress;
  readonly payload: Buffer;
  readonly final = true;
  readonly again = false;
  readonly server = undefined;
  readonly tls: Scope['tls'];
  readonly request = undefined;
  readonly response = undefined;
  readonly requestLine = undefined;
  readonly body = undefined;
  readonly bodySize = undefined;
  readonly uniqueId = undefined;
  readonly serverEnds = undefined;
  readonly captures = { request: [], response: [] };

  constructor(
    frontend: FrontendContext,
    backend: Backend,
    client: ClientAddress,
    tls: Scope['tls'],
    held: readonly Buffer[],
  ) {
    this.frontend = frontend;
    this.backend = backend;
    this.client = client;
    this.tls = tls;
    this.payload = Buffer.concat(held);
  }

  get directory() {
    return this.frontend.directory;
  }

  variable({ scope, name }: VariableName): Sample | undefined {
    return scope === 'proc' ? PROCESS_VARIABLES.get(name) : undefined;
  }

  setVariable({ scope, name }: VariableName, value: Sample | undefined): void {
    if (scope !== 'proc') return;
    if (value) PROCESS_VARIABLES.set(name, value);
    else PROCESS_VARIABLES.delete(name);
  }
}

/** What stands for the connection's key when its server is chosen. */
export function hashOf(
  frontend: FrontendContext,
  backend: Backend,
  { client, tls }: Pick<AcceptedHandle, 'client' | 'tls'>,
  data: readonly Buffer[],
): number {
  const byExpression = backend.config.balance.name === 'hash';
  const scope = byExpression
    ? new ConnectionScope(frontend, backend, client, tls, data)
    : undefined;
  return backend.hash({ source: client.host, scope, data });
}
