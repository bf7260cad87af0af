import type { Message } from '../http/message.ts';
import { SessionState } from '../http/session-state.ts';
import { type AcceptedHandle, type ClientAddress, rememberAccepted } from '../listeners/handler.ts';
import type { SessionRecord } from '../log/log-variables.ts';
import type { Position } from '../model.ts';
import type { RuleScope } from '../rules/model.ts';
import { asText, cast } from '../samples/cast.ts';
import type { Sample } from '../samples/sample.ts';
import { PROCESS_VARIABLES, type VariableName, Variables } from '../samples/variables.ts';
import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import type { FrontendContext } from '../servers/types.ts';
import { Trackers } from '../stickiness/table/trackers.ts';
import { SpokenRequest } from './spoken-request.ts';

/** A connection in mode tcp, or any before its first request, as rules and log formats see it. */
export class TcpScope implements RuleScope {
  readonly frontend: FrontendContext;
  backend: Backend | undefined;
  client: ClientAddress;
  payload: Buffer | undefined;
  answer: Buffer | undefined;
  final = true;
  missing = false;
  logLevel: string | undefined;
  lastRule: Position | undefined;
  /** Rules of `tcp-request connection` run: what they say of addresses is what was accepted. */
  connecting = false;
  /** Why it came to nothing. */
  fault: string | undefined;
  /** What it counts in stick-tables. */
  trackers: Trackers | undefined;
  readonly again = false;
  server: Server | undefined;
  serverTls: AcceptedHandle['tls'];
  readonly tls: AcceptedHandle['tls'];
  readonly response = undefined;
  readonly requestLine = undefined;
  readonly body = undefined;
  readonly bodySize = undefined;
  readonly serverEnds = undefined;
  readonly captures: { request: (string | undefined)[]; response: (string | undefined)[] } = {
    request: [],
    response: [],
  };
  readonly session: SessionState;
  readonly #startedAt: number;
  #transaction: Variables | undefined;
  #spoken: SpokenRequest | undefined;
  #uniqueId: string | undefined;

  constructor(frontend: FrontendContext, accepted: AcceptedHandle) {
    this.frontend = frontend;
    this.client = accepted.client;
    this.tls = accepted.tls;
    this.session = accepted.session ?? new SessionState();
    this.#startedAt = accepted.acceptedAt;
  }

  get request(): Message | undefined {
    if (this.connecting) return undefined;
    this.#spoken ??= new SpokenRequest();
    const request = this.#spoken.in(this.payload);
    if (this.#spoken.incomplete && !this.final) this.missing = true;
    return request;
  }

  get directory() {
    return this.frontend.directory;
  }

  get uniqueId(): string | undefined {
    const format = this.frontend.config.rules?.uniqueIdFormat;
    if (format) this.#uniqueId ??= format.format(this, () => this.record());
    return this.#uniqueId;
  }

  /** Nothing has happened yet but that somebody is there. */
  record(termination = '--'): SessionRecord {
    const { client, frontend } = this;
    return {
      kind: 'tcp',
      clientAddress: client.host,
      clientPort: client.port,
      frontendAddress: client.localHost,
      frontendPort: client.localPort,
      startedAt: this.#startedAt,
      frontend: frontend.config.name,
      secure: this.tls !== undefined,
      backend: (this.backend ?? frontend).config.name,
      server: undefined,
      queueTime: -1,
      connectTime: -1,
      totalTime: Date.now() - this.#startedAt,
      bytesToClient: 0,
      termination,
      processConnections: frontend.actconn(),
      frontendConnections: frontend.counters.present,
      backendConnections: this.backend?.counters.present ?? 0,
      serverConnections: 0,
      retries: 0,
      redispatched: false,
      serverQueue: 0,
      backendQueue: 0,
      early: false,
      scope: this,
    };
  }

  variable({ scope, name }: VariableName): Sample | undefined {
    return this.#variables(scope, false)?.get(name);
  }

  setVariable({ scope, name }: VariableName, value: Sample | undefined): void {
    if (value) this.#variables(scope, true)?.set(name, value);
    else this.#variables(scope, false)?.delete(name);
  }

  #variables(scope: VariableName['scope'], create: boolean): Variables | undefined {
    if (scope === 'proc') return PROCESS_VARIABLES;
    if (scope === 'sess') return this.session.variables;
    if (create) this.#transaction ??= new Variables();
    return this.#transaction;
  }

  get sessionTrackers(): Trackers | undefined {
    return this.session.trackers;
  }

  track(session: boolean): Trackers {
    if (!session) {
      this.trackers ??= new Trackers();
      return this.trackers;
    }
    this.session.trackers ??= new Trackers();
    return this.session.trackers;
  }

  capture(side: 'request' | 'response', slot: number, value: string): void {
    this.captures[side][slot] = value;
  }

  setAddress(which: 'source' | 'target', what: 'host' | 'port', value: Sample): void {
    const client = this.connecting ? this.client : rememberAccepted(this.client);
    if (what === 'port') {
      const port = Number(cast(value, 'sint')?.value ?? -1n);
      if (port < 0 || port > 65_535) return;
      this.client = which === 'source' ? { ...client, port } : { ...client, localPort: port };
      return;
    }
    const bytes = cast(value, 'addr');
    const host = bytes && asText(bytes);
    if (host === undefined) return;
    this.client =
      which === 'source' ? { ...client, host, port: 0 } : { ...client, localHost: host };
  }

  setLogLevel(level: string): void {
    this.logLevel = level;
  }

  setTimeout(): void {}

  useCache(): void {}

  storeInCache(): void {}
}
