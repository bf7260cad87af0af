import net from 'node:net';
import tls from 'node:tls';
import { createWriteRequest, END_OF_STREAM, readResult, type TcpHandle } from '../tcp/handle.ts';
import { Ticket, type TimerWheel, wheelNow } from '../tcp/timer-wheel.ts';
import { LayerCarrier, SocketCarrier } from './carrier.ts';
import { choiceFor, type Terms } from './choice.ts';
import type { BindTls } from './config.ts';
import { TlsState, verifyResult } from './facts.ts';
import { receiveHello } from './receive-hello.ts';
import { SessionCache } from './session-cache.ts';
import { serverLayer, type TlsLayer } from './tls-layer.ts';

/** How a handshake went wrong, in the words of HAProxy's log. */
export type HandshakeFault =
  | 'Connection closed during SSL handshake'
  | 'Connection error during SSL handshake'
  | 'Timeout during SSL handshake'
  | 'SSL handshake failure'
  | 'SSL client certificate not trusted';

export interface Handshake {
  /** Its first bytes, where a PROXY header's read brought them along. */
  readonly head: Buffer | undefined;
  /** Milliseconds. */
  readonly limit: number;
  /** Called once. The socket is the receiver's; it has an error listener of ours. */
  readonly done: (result: TlsState | HandshakeFault) => void;
}

/** Makes TLS connections of accepted ones, for all addresses of a `bind` line. */
export class TlsAcceptor {
  readonly #bind: BindTls;
  readonly #options = new WeakMap<BindTls, tls.TLSSocketOptions>();

  /** Throws when OpenSSL refuses the certificates or ciphers; `config/` has tried. */
  constructor(bind: BindTls) {
    this.#bind = bind;
    choiceFor(bind);
  }

  /** Takes over the handle, which nobody reads yet. */
  accept(handle: TcpHandle, wheel: TimerWheel, { head, limit, done }: Handshake): void {
    let give: ((fault: HandshakeFault) => void) | undefined = (fault) => {
      handle.close();
      done(fault);
    };
    const ticket = new Ticket({
      due: () => {
        give?.('Timeout during SSL handshake');
        return 0;
      },
    });
    wheel.set(ticket, wheelNow() + limit);
    const settle = (result: TlsState | HandshakeFault): void => {
      give = undefined;
      wheel.clear(ticket);
      done(result);
    };
    const begin = (terms: Terms, bytes: Buffer | undefined): void => {
      const shake = terms.demands.protocol.tickets ? shakeHands : this.#shakeHandsAsSocket;
      give = shake.call(this, handle, terms, bytes, settle);
    };
    // Orders may have renewed it.
    const choice = choiceFor(this.#bind);
    if (choice.single) {
      begin(choice.fallback, head);
      return;
    }
    receiveHello(handle, head, (hello) => {
      if (!give) return;
      if (!hello || hello.ended) {
        handle.close();
        settle(
          hello
            ? 'Connection closed during SSL handshake'
            : 'Connection error during SSL handshake',
        );
        return;
      }
      const terms = choice.find(hello.serverName);
      if (terms) {
        begin(terms, hello.bytes);
        return;
      }
      handle.writeBuffer(
        createWriteRequest(handle, () => undefined),
        UNRECOGNIZED_NAME,
      );
      handle.close();
      settle('SSL handshake failure');
    });
  }

  /** As `shakeHands`; sessions that are kept need the runtime's own socket. */
  #shakeHandsAsSocket(
    handle: TcpHandle,
    { context: secureContext, demands }: Terms,
    bytes: Buffer | undefined,
    settle: (result: TlsState | HandshakeFault) => void,
  ): (fault: HandshakeFault) => void {
    // How net.Server makes its sockets.
    const inside: object = { handle, allowHalfOpen: true, pauseOnCreate: true };
    const raw = new net.Socket({ ...inside, readable: true, writable: true });
    if (bytes) raw.unshift(bytes);
    const socket = new tls.TLSSocket(raw, { ...this.#optionsFor(demands), secureContext });
    let open = true;
    const finish = (result: TlsState | HandshakeFault): void => {
      if (!open) return;
      open = false;
      socket.off('end', ended);
      if (typeof result === 'string') socket.destroy();
      settle(result);
    };
    const ended = (): void => finish('Connection closed during SSL handshake');
    socket.on('error', (error) => finish(faultOf(error)));
    socket.on('_tlsError', (error: Error) => finish(faultOf(error)));
    socket.on('end', ended);
    socket.once('close', ended);
    socket.once('secure', () => {
      if (!open) return;
      const carrier = new SocketCarrier(socket);
      if (trusts(carrier.layer, demands)) {
        socket.off('close', ended);
        releaseControl(socket);
        finish(new TlsState(carrier));
      } else {
        finish('SSL client certificate not trusted');
      }
    });
    return finish;
  }

  #optionsFor(demands: BindTls): tls.TLSSocketOptions {
    let options = this.#options.get(demands);
    if (!options) {
      const { alpn, verify, protocol } = demands;
      options = {
        isServer: true,
        requestCert: verify !== 'none',
        // Without a certificate the handshake itself fails; a bad one is judged behind it.
        rejectUnauthorized: verify === 'required',
        ...(alpn && { ALPNProtocols: [...alpn] }),
        ...(!protocol.tickets && { server: new SessionCache(demands).server }),
      };
      this.#options.set(demands, options);
    }
    return options;
  }
}

/** Calls `settle` once; the returned function fails it from outside. */
function shakeHands(
  handle: TcpHandle,
  { context, demands }: Terms,
  bytes: Buffer | undefined,
  settle: (result: TlsState | HandshakeFault) => void,
): (fault: HandshakeFault) => void {
  const layer = serverLayer(handle, context);
  const carrier = new LayerCarrier(layer, handle);
  const { verify } = demands;
  // Without a certificate the handshake itself fails; a bad one is judged behind it.
  if (verify !== 'none') layer.setVerifyMode(true, verify === 'required');
  const alpn = alpnOf(demands);
  if (alpn) layer.setALPNProtocols(alpn);
  let open = true;
  const fail = (fault: HandshakeFault): void => {
    if (!open) return;
    open = false;
    carrier.close();
    settle(fault);
  };
  layer.onerror = () => fail('SSL handshake failure');
  layer.onread = () => {
    const result = readResult();
    if (result === END_OF_STREAM) fail('Connection closed during SSL handshake');
    else if (result < 0) fail('Connection error during SSL handshake');
    return undefined;
  };
  layer.onhandshakedone = () => {
    layer.onhandshakedone = undefined;
    if (!open) return;
    if (!trusts(layer, demands)) {
      fail('SSL client certificate not trusted');
      return;
    }
    open = false;
    settle(new TlsState(carrier));
  };
  if (bytes) layer.receive(bytes);
  if (open && layer.readStart() !== 0) fail('Connection error during SSL handshake');
  return fail;
}

const alpnLists = new WeakMap<BindTls, Buffer>();

/** In the form of the extension (RFC 7301, 3.1). */
function alpnOf(demands: BindTls): Buffer | undefined {
  if (!demands.alpn) return undefined;
  let list = alpnLists.get(demands);
  if (!list) {
    list = Buffer.concat(
      demands.alpn.map((name) => Buffer.from(String.fromCharCode(name.length) + name, 'latin1')),
    );
    alpnLists.set(demands, list);
  }
  return list;
}

function trusts(layer: TlsLayer | undefined, { verify, ignoredErrors }: BindTls): boolean {
  if (verify === 'none' || ignoredErrors === 'all') return true;
  const result = verifyResult(layer);
  if (result === 0 || ignoredErrors.has(result)) return true;
  // A client that shows nothing is as good as one that was not asked, if it may do so.
  return verify === 'optional' && !layer?.getPeerX509Certificate();
}

/** A fatal alert (RFC 8446, 6.2): there is no such name here. */
const UNRECOGNIZED_NAME = Buffer.from('15030300020270', 'hex');

const acceptors = new WeakMap<BindTls, TlsAcceptor>();

/** The one acceptor of a `bind` line, whatever the number of its addresses. */
export function acceptorFor(bind: BindTls): TlsAcceptor {
  let acceptor = acceptors.get(bind);
  if (!acceptor) {
    acceptor = new TlsAcceptor(bind);
    acceptors.set(bind, acceptor);
  }
  return acceptor;
}

/** From here on errors are the socket's own, as tls.Server does once a connection stands. */
function releaseControl(socket: tls.TLSSocket): void {
  (socket as unknown as { _releaseControl(): boolean })._releaseControl();
}

function faultOf(error: Error): HandshakeFault {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'Connection error during SSL handshake';
  return 'SSL handshake failure';
}
