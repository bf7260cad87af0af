import type { AcceptedHandle } from '../listeners/handler.ts';
import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import type { FrontendContext } from '../servers/types.ts';
import { countBytes, type TrackerPair } from '../stickiness/table/trackers.ts';

/** The books of one session in mode tcp: its times, its bytes, everybody's counters, its line. */
export class SessionAccount {
  /** The server last tried, for the log and for counting redispatches. */
  server: Server | undefined;
  /** The one server whose queue it stands in. */
  waitsFor: Server | undefined;
  /** Dates, milliseconds since the epoch; -1 = not yet. */
  assignedAt = -1;
  connectedAt = -1;
  serverQueue = 0;
  backendQueue = 0;
  bytesIn = 0;
  bytesOut = 0;
  retries = 0;
  redispatched = false;
  /** What came in counts for the server, too. */
  open = false;
  /** Its line is written. */
  #logged = false;
  readonly #accepted: AcceptedHandle;
  readonly #context: FrontendContext;
  readonly #backend: Backend | undefined;

  constructor(accepted: AcceptedHandle, context: FrontendContext, backend: Backend | undefined) {
    this.#accepted = accepted;
    this.#context = context;
    this.#backend = backend;
  }

  countIn(length: number): void {
    this.bytesIn += length;
    this.#context.counters.bin += length;
    if (this.#backend) this.#backend.counters.bin += length;
    if (this.open) this.server!.counters.bin += length;
  }

  countOut(length: number): void {
    this.bytesOut += length;
    this.#context.counters.bout += length;
    this.#backend!.counters.bout += length;
    this.server!.counters.bout += length;
  }

  /** A rule refuses what the server said. */
  denied(): void {
    const back = this.#backend!.counters;
    const front = this.#context.counters;
    for (const each of new Set([front, back, this.server!.counters])) each.dresp += 1;
  }

  connected(): void {
    this.connectedAt = Date.now();
    if (this.#context.config.options.logasap) this.#log('--', false, true);
  }

  /** Left a queue, for whatever reason: positions in it. */
  leftQueue(serverQueue: number, backendQueue: number): void {
    this.assignedAt = Date.now();
    this.serverQueue += serverQueue;
    this.backendQueue += backendQueue;
  }

  /** `held`: it still has its place on the server, which goes to the next after the line. */
  close(termination: string, held: boolean): void {
    this.#countEnd(termination);
    this.#log(termination, held);
    const { scope, session } = this.#accepted;
    const pair: TrackerPair = scope ?? { sessionTrackers: session?.trackers };
    countBytes(pair, this.bytesIn, this.bytesOut);
    pair.trackers?.close();
  }

  #countEnd(termination: string): void {
    const backend = this.#backend;
    if (!backend) return;
    backend.counters.sessionEnded();
    const counters = [this.#context.counters, backend.counters, this.server?.counters];
    const who = termination[0];
    for (const each of counters) {
      if (!each) continue;
      if (who === 'C' || who === 'c') each.cliAborts += 1;
      else if (termination[1] === 'D' && (who === 'S' || who === 's')) each.srvAborts += 1;
    }
    const { acceptedAt } = this.#accepted;
    const total = Date.now() - acceptedAt;
    for (const each of [backend.counters, this.server?.counters]) {
      if (!each || this.assignedAt < 0) continue;
      each.qtime.add(this.assignedAt - acceptedAt);
      if (this.connectedAt >= 0) each.ctime.add(this.connectedAt - this.assignedAt);
      each.ttime.add(total);
    }
  }

  #log(termination: string, held: boolean, early = false): void {
    const { counters, config, logging } = this.#context;
    if (!logging || this.#logged) return;
    const level = this.#accepted.scope?.logLevel;
    if (level === 'silent') return;
    if (config.options.dontlognull && this.bytesIn === 0 && !early) return;
    this.#logged = early;
    const { client, acceptedAt } = this.#accepted;
    const backend = this.#backend;
    const { assignedAt } = this;
    this.#context.log({
      kind: 'tcp',
      clientAddress: client.host,
      clientPort: client.port,
      frontendAddress: client.localHost,
      frontendPort: client.localPort,
      startedAt: acceptedAt,
      frontend: config.name,
      secure: this.#accepted.tls !== undefined,
      backend: backend?.config.name ?? config.name,
      server: (this.waitsFor ?? this.server)?.config.name,
      queueTime: assignedAt < 0 ? -1 : assignedAt - acceptedAt,
      connectTime: this.connectedAt < 0 ? -1 : this.connectedAt - assignedAt,
      totalTime: Date.now() - acceptedAt,
      bytesToClient: this.bytesOut,
      termination,
      processConnections: this.#context.actconn(),
      frontendConnections: counters.present,
      backendConnections: backend?.counters.present ?? 0,
      serverConnections: (this.server?.cur ?? 0) - (held ? 1 : 0),
      retries: this.retries,
      redispatched: this.redispatched,
      serverQueue: this.serverQueue,
      backendQueue: this.backendQueue,
      early,
      scope: this.#accepted.scope,
      level,
      bytesFromClient: this.bytesIn,
    });
  }
}
