import { systemCode } from '#core/errors.ts';
import type { AcceptedHandle } from '../listeners/handler.ts';
import { NO_HASH } from '../policies/hashing/subject.ts';
import type { Scope } from '../samples/scope.ts';
import type { Backend } from '../servers/backend.ts';
import type { LiveSession, SessionFacts } from '../servers/live-session.ts';
import { afterFailure, countRetry } from '../servers/retry.ts';
import type { Server } from '../servers/server.ts';
import type { SeverReason } from '../servers/sever.ts';
import type { Assignment, FrontendContext } from '../servers/types.ts';
import { rdpServer } from '../stickiness/rdp-server.ts';
import { Sticking } from '../stickiness/table/sticking.ts';
import { requestedName } from '../tls/outgoing.ts';
import { ConnectionScope, hashOf } from './connection-scope.ts';
import { destinationOf } from './destination.ts';
import { Dial } from './dial.ts';
import { End, type EndOwner } from './end.ts';
import { KEEPALIVE_IDLE } from './keepalive.ts';
import { tcpPreface } from './preface.ts';
import { QUEUE_ENDS } from './queue-ends.ts';
import { type ResponseEnd, ResponseInspection, type ResponseOwner } from './response-inspection.ts';
import { SessionAccount } from './session-account.ts';
import { silenceOf } from './silence.ts';
import { Ticket, type TimerWheel, type Watched, wheelNow } from './timer-wheel.ts';

/** How much of a client's data is read before its server is there to take it. */
const HOLD_LIMIT = 16_384;
const PATIENCE = 60_000;

type Phase = 'new' | 'queue' | 'connect' | 'turn-around' | 'open' | 'closed';

export interface TcpSessionDeps {
  readonly wheel: TimerWheel;
  /** Told once, when everything of this session is over. */
  readonly ended: (session: TcpSession) => void;
}

/**
 * One client and its server, from accept to the log line: queue, connection with retries, relay,
 * inactivity, end. Termination codes are HAProxy's (manual, section 8.5): first who ended it (C, S,
 * c, s, or - for nobody), then in which phase (Q, C, D).
 */
export class TcpSession implements EndOwner, Watched, LiveSession, ResponseOwner {
  readonly context: FrontendContext;
  readonly #accepted: AcceptedHandle;
  readonly #backend: Backend | undefined;
  readonly #deps: TcpSessionDeps;
  readonly #ticket = new Ticket(this);
  readonly #client: End;
  #server: End | undefined;
  #phase: Phase = 'new';
  #place: Assignment | undefined;
  #sticking: Sticking | undefined;
  #dial: Dial | undefined;
  #leaveQueue: AbortController | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Rules look at what the server sends first. */
  #inspection: ResponseInspection | undefined;
  /** Of its key, where servers are chosen by one. */
  #hash = NO_HASH;
  #failures = 0;
  #deadline = 0;
  readonly #account: SessionAccount;

  constructor(accepted: AcceptedHandle, context: FrontendContext, deps: TcpSessionDeps) {
    this.#accepted = accepted;
    this.context = context;
    this.#backend = accepted.backend ?? context.backendFor();
    this.#deps = deps;
    this.#account = new SessionAccount(accepted, context, this.#backend);
    this.#client = new End(accepted.handle, this);
  }

  start(): void {
    const { handle, head } = this.#accepted;
    handle.setNoDelay(true);
    if (this.context.config.options.clitcpka) handle.setKeepAlive(true, KEEPALIVE_IDLE);
    if (head) this.held(this.#client, head);
    if (!this.#backend) {
      this.#end('SC');
      return;
    }
    this.#backend.counters.sessionStarted();
    this.#client.resume();
    this.#assign(undefined);
  }

  /** Ends it now, with a reset to both sides; logged as killed by the balancer. */
  destroy(): void {
    this.#end('KD', true);
  }

  get facts(): SessionFacts {
    return {
      client: this.#accepted.client,
      startedAt: this.#accepted.acceptedAt,
      frontend: this.context,
      backend: this.#backend,
      server: this.#place?.server,
      bytesIn: this.#account.bytesIn,
      bytesOut: this.#account.bytesOut,
    };
  }

  /** Ends it without a reset. */
  sever(reason: SeverReason): void {
    this.#end(`${reason}-`);
  }

  held(end: End, bytes: Buffer): void {
    if (end === this.#server) {
      this.#inspection?.hold(bytes);
      return;
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    this.#account.countIn(bytes.length);
    if (this.#heldBytes >= HOLD_LIMIT) this.#client.pause();
  }

  forwarded(end: End, length: number): void {
    if (end === this.#client) this.#account.countIn(length);
    else this.#account.countOut(length);
  }

  readEnded(end: End): void {
    if (this.#phase === 'open') {
      if (end === this.#server) this.#inspection?.finish();
      end.peer?.finish();
      this.#watch();
    } else if (this.#heldBytes === 0) {
      this.#end(this.#phase === 'queue' ? 'CQ' : 'CC');
    }
  }

  writeEnded(end: End): boolean {
    if (!end.ended || !end.peer?.finished) return false;
    this.#end('--');
    return true;
  }

  failed(end: End, _status: number): void {
    if (this.#phase === 'closed') return;
    this.#end(end === this.#client ? 'CD' : 'SD', true);
  }

  due(now: number): number {
    if (this.#phase === 'open') return this.#idle(now);
    if (this.#deadline > now) return this.#deadline;
    if (this.#phase === 'connect') {
      this.#dial?.cancel();
      this.#connectFailed('timeout');
    } else if (this.#phase === 'turn-around') {
      if (this.#place) this.#connect(this.#place);
      else this.#assign(this.#account.server);
    }
    return 0;
  }

  #assign(avoid: Server | undefined): void {
    const backend = this.#backend!;
    if (backend.hashes) {
      this.#hash = hashOf(this.context, backend, this.#accepted, this.#held);
    }
    // A server that could not be had is not insisted on.
    const own = avoid ? undefined : (rdpServer(backend, this.#held) ?? this.#stuckTo(backend));
    let place: Assignment | undefined;
    try {
      place = own ? backend.tryAssignTo(own) : backend.tryAssign(avoid, this.#hash);
    } catch {
      backend.counters.econ += 1;
      this.#end('SC');
      return;
    }
    if (place) this.#assigned(place);
    else this.#queue(avoid, own);
  }

  /** The server that `stick` rules name. */
  #stuckTo(backend: Backend): Server | undefined {
    const sticks = backend.config.rules?.sticks;
    if (!sticks || sticks.length === 0) return undefined;
    const { persist } = backend.config;
    const scope = this.#ruleScope();
    this.#sticking ??= new Sticking(sticks, scope, backend, { persist, assigned: false });
    return this.#sticking.wanted;
  }

  #ruleScope(): Scope {
    return this.#accepted.scope ?? this.#scope();
  }

  #queue(avoid: Server | undefined, own: Server | undefined): void {
    this.#phase = 'queue';
    this.#leaveQueue = new AbortController();
    const { signal } = this.#leaveQueue;
    const left = (serverQueue: number, backendQueue: number): void =>
      this.#account.leftQueue(serverQueue, backendQueue);
    const chosen = (server: Server): void => {
      this.#account.waitsFor = server;
    };
    const options = { avoid, hash: this.#hash, chosen, signal, left };
    const backend = this.#backend!;
    const granting = own ? backend.enqueueFor(own, options) : backend.enqueue(options);
    Promise.resolve(granting).then(
      (place) => {
        if (this.#phase === 'queue') this.#assigned(place);
        else place.release();
      },
      (error: unknown) => {
        if (this.#phase !== 'queue') return;
        this.#backend!.counters.econ += 1;
        if (this.#account.waitsFor) this.#account.waitsFor.counters.econ += 1;
        this.#end(QUEUE_ENDS.get(systemCode(error)) ?? 'SC');
      },
    );
  }

  #assigned(place: Assignment): void {
    this.#account.assignedAt = Date.now();
    if (this.#account.server) {
      countRetry(this.#backend!, this.#account.server, place);
      if (place.server !== this.#account.server) this.#account.redispatched = true;
    }
    this.#place = place;
    place.server.sessions?.add(this);
    this.#connect(place);
  }

  #connect(place: Assignment): void {
    const { server } = place;
    this.#phase = 'connect';
    this.#account.server = server;
    const dial = new Dial();
    this.#dial = dial;
    server.counters.connect += 1;
    this.#backend!.counters.connect += 1;
    const { connect } = this.#backend!.config.timeouts;
    if (connect === undefined) this.#deps.wheel.clear(this.#ticket);
    else this.#watchUntil(wheelNow() + connect);
    const { tls } = server.config;
    const options = {
      to: destinationOf(server.config, this.#accepted.client),
      keepAlive: this.#backend!.config.options.srvtcpka,
      preface: tls && tcpPreface(server.config, this.#accepted, this.context),
      serverName: tls && requestedName(tls, tls.sni && this.#scope()),
    };
    dial.start(server, options, (status) => {
      if (status === 0) this.#open(dial, server);
      else this.#connectFailed('error');
    });
  }

  /** What `sni` may look at. */
  #scope(): ConnectionScope {
    const { client, tls } = this.#accepted;
    return new ConnectionScope(this.context, this.#backend!, client, tls, this.#held);
  }

  #connectFailed(kind: 'error' | 'timeout'): void {
    const server = this.#account.server!;
    this.#dial = undefined;
    this.#failures += 1;
    server.observer?.sign('unconnected');
    if (this.#phase !== 'connect') return;
    const { action, delay } = afterFailure(server, this.#failures, kind);
    if (action === 'give-up') {
      server.counters.econ += 1;
      this.#backend!.counters.econ += 1;
      this.#end(kind === 'timeout' ? 'sC' : 'SC');
      return;
    }
    this.#account.retries += 1;
    if (action === 'redispatch') {
      this.#place?.server.sessions?.delete(this);
      this.#place?.release();
      this.#place = undefined;
    } else {
      countRetry(this.#backend!, server, this.#place!);
      server.counters.stot += 1;
    }
    this.#phase = 'turn-around';
    this.#watchUntil(wheelNow() + delay);
    if (delay === 0) this.due(this.#deadline);
  }

  #open(dial: Dial, server: Server): void {
    this.#dial = undefined;
    this.#phase = 'open';
    this.#account.open = true;
    this.#account.connected();
    this.#backend!.observed(server, this.#account.connectedAt - this.#account.assignedAt);
    server.observer?.sign('connected');
    this.#sticking?.served(this.#ruleScope(), server);
    const client = this.#client;
    const end = new End(dial.handle, this);
    this.#server = end;
    client.peer = end;
    end.peer = client;
    client.active = end.active;
    server.counters.bin += this.#heldBytes;
    if (!this.#inspect(end, server, dial)) return;
    const preface = server.config.tls
      ? undefined
      : tcpPreface(server.config, this.#accepted, this.context);
    if (preface) this.#held.unshift(preface);
    if (this.#held.length > 0) {
      const [first] = this.#held;
      const bytes = this.#held.length === 1 ? first! : Buffer.concat(this.#held);
      this.#held = [];
      if (!end.write(bytes)) return;
    }
    end.resume();
    if (client.ended) end.finish();
    else if (!end.writing) client.resume();
    this.#watch();
  }

  /** False when rules have ended the session. */
  #inspect(end: End, server: Server, dial: Dial): boolean {
    const { rules } = this.#backend!.config;
    const { scope } = this.#accepted;
    if (!scope) return true;
    scope.server = server;
    scope.serverTls = dial.tls;
    if (!rules || rules.tcpResponse.length === 0) return true;
    end.holding = true;
    this.#inspection = new ResponseInspection(rules, scope, this.#deps.wheel, this);
    this.#inspection.start();
    return this.#phase === 'open';
  }

  answerPassed(bytes: Buffer): void {
    const end = this.#server!;
    end.holding = false;
    if (bytes.length === 0) return;
    this.#account.countOut(bytes.length);
    this.#client.write(bytes);
  }

  answerRefused(how: ResponseEnd, bytes: Buffer): void {
    if (how === 'close') {
      this.answerPassed(bytes);
      this.#server!.reset();
      this.#end('--');
      return;
    }
    this.#account.countOut(bytes.length);
    this.#account.denied();
    this.#end('PD', how === 'drop');
  }

  /** Ends the session when a side has been silent for too long; else says when to look again. */
  #idle(now: number): number {
    const [front, back] = [this.context.config.timeouts, this.#backend!.config.timeouts];
    const { at, end } = silenceOf(this.#client, this.#server!, front, back);
    if (at > now) return Math.min(at, now + PATIENCE);
    this.#end(`${end}D`);
    return 0;
  }

  #watch(): void {
    if (this.#phase !== 'open') return;
    const moment = this.#idle(wheelNow());
    if (moment > 0) this.#watchUntil(moment);
  }

  #watchUntil(moment: number): void {
    this.#deadline = moment;
    this.#deps.wheel.set(this.#ticket, moment);
  }

  #end(termination: string, reset = false): void {
    if (this.#phase === 'closed') return;
    const early = this.#phase !== 'open';
    this.#phase = 'closed';
    this.#deps.wheel.clear(this.#ticket);
    this.#dial?.cancel();
    this.#leaveQueue?.abort();
    this.#inspection?.close();
    for (const end of [this.#client, this.#server]) {
      if (reset) end?.reset();
      else end?.close();
    }
    if (early && this.#heldBytes > 0 && this.#account.server) {
      this.#account.server.counters.bin += this.#heldBytes;
    }
    this.#held = [];
    this.#account.close(termination, this.#place !== undefined);
    this.#place?.server.sessions?.delete(this);
    this.#place?.release();
    this.#deps.ended(this);
  }
}
