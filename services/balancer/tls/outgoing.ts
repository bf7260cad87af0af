import net from 'node:net';
import tls from 'node:tls';
import { cast } from '../samples/cast.ts';
import type { Scope } from '../samples/scope.ts';
import type { ServerTls } from './config.ts';
import { clientContext } from './context.ts';

/** Sessions kept for one server line, one for each name that it is asked by. */
const MAX_SESSIONS = 100;

/** What connections of one server line share. */
class Outgoing {
  readonly context: tls.SecureContext;
  readonly #sessions = new Map<string, Buffer>();

  constructor(server: ServerTls) {
    this.context = clientContext(server);
  }

  session(name: string): Buffer | undefined {
    return this.#sessions.get(name);
  }

  keep(name: string, session: Buffer): void {
    this.#sessions.delete(name);
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined && this.#sessions.size >= MAX_SESSIONS) this.#sessions.delete(oldest);
    this.#sessions.set(name, session);
  }
}

const shared = new WeakMap<ServerTls, Outgoing>();

function outgoingOf(server: ServerTls): Outgoing {
  let outgoing = shared.get(server);
  if (!outgoing) {
    outgoing = new Outgoing(server);
    shared.set(server, outgoing);
  }
  return outgoing;
}

/**
 * Makes ready another certificate for a server line's connections from now on. Throws OpenSSL's
 * errors; nothing has changed until the returned function is called.
 */
export function renewServer(
  server: ServerTls,
  change: Partial<Pick<ServerTls, 'certificate' | 'authorities' | 'crls' | 'trustFiles'>>,
): () => void {
  const outgoing = new Outgoing({ ...server, ...change });
  return () => {
    Object.assign(server, change);
    shared.set(server, outgoing);
  };
}

/**
 * Starts TLS on a connection that stands and has read nothing. The socket emits `secureConnect`
 * once the server has proved who it is (HAProxy manual, section 5.2 "verify"), else `error`.
 * `name` is what it is asked by.
 */
export function startTls(
  raw: net.Socket,
  server: ServerTls,
  name: string | undefined,
): tls.TLSSocket {
  const outgoing = outgoingOf(server);
  // An address is no name that could be asked for (RFC 6066, 3).
  const asked = name !== undefined && net.isIP(name) === 0 ? name : undefined;
  const expected = server.verifyHost ?? asked;
  const session = server.reuse ? outgoing.session(name ?? '') : undefined;
  const socket = tls.connect({
    socket: raw,
    secureContext: outgoing.context,
    rejectUnauthorized: server.verify,
    servername: asked ?? '',
    checkServerIdentity: (_host, certificate) =>
      expected === undefined ? undefined : tls.checkServerIdentity(expected, certificate),
    ...(server.alpn && { ALPNProtocols: [...server.alpn] }),
    ...(session && { session }),
  });
  if (server.reuse) socket.on('session', (ticket) => outgoing.keep(name ?? '', ticket));
  return socket;
}

/** The name that `sni` yields, undefined where there is none. */
export function requestedName(server: ServerTls, scope: Scope | undefined): string | undefined {
  const { sni } = server;
  if (!sni || (!scope && sni.source !== 'internal')) return undefined;
  const sample = sni.evaluate(scope ?? NOTHING);
  const name = sample && cast(sample, 'str')?.value;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** A constant looks at nothing. */
const NOTHING = {} as Scope;
