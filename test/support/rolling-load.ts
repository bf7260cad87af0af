import mqtt, { type MqttClient } from 'mqtt';
import { type Audit, audit, type PublishedTopic, type TakenBy } from './accounting.ts';
import { eventually } from './broker.ts';

export interface RollingLoadOptions {
  /** Where all of it goes: the virtual address. */
  host: string;
  login: { username: string; password: string };
  /** Between two messages of one publisher, milliseconds. */
  every?: number;
  /** First level of the topics; default `rolling`. */
  prefix?: string;
  /** What is asked for over HTTP, one request after the other on a connection each. */
  http?: string;
}

/** How the HTTP requests ended. */
export interface HttpBooks {
  asked: number;
  answered: number;
  /** All that had no answer of status 2xx. */
  failed: number;
  /** Of those: the connection stood, and ended before the answer, as on a node that is left. */
  cut: number;
  /** Longest time without an answer, milliseconds. */
  gap: number;
  examples: string[];
}

/** How all of it ended. */
export interface LoadBooks {
  mqtt: Audit;
  http: HttpBooks;
  /** Messages that a broker would not have, with its reason. */
  refused: string[];
}

const PREFIX = 'rolling';
const CONNECT = 5_000;
const RECONNECT = 200;
const KEEPALIVE_S = 5;
const SESSION_S = 3_600;
const HTTP_EVERY = 50;
const HTTP_TIMEOUT = 10_000;
const PATIENCE = 120_000;
const EXAMPLES_MAX = 8;
const codeOf = (error: Error) => (error as { code?: unknown }).code;
/**
 * Of a PUBCOMP: released already, and its answer went with the node that the client was on. "This
 * is not an error during recovery" (MQTT 5, 3.7.2.1).
 */
const NOT_FOUND = 0x92;
/** What is told of a connection that stood. */
const CUT = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/**
 * Ordinary clients that do not stop while a cluster is worked on: publishers at QoS 1 and 2,
 * subscribers with sessions, and HTTP requests. They know what was acknowledged and what came.
 */
export class RollingLoad {
  readonly #options: RollingLoadOptions;
  readonly #clients: MqttClient[] = [];
  readonly #topics: (PublishedTopic & { acknowledged: Set<number> })[] = [];
  readonly #takers: (TakenBy & { taken: Map<string, number[]> })[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #http: HttpBooks = { asked: 0, answered: 0, failed: 0, cut: 0, gap: 0, examples: [] };
  readonly #refused: string[] = [];
  #asking: Promise<void> | undefined;
  #stopped = false;

  constructor(options: RollingLoadOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    for (const qos of [1, 2] as const) await this.#subscriber(`subscriber-${qos}`, qos);
    for (const qos of [1, 2] as const) {
      for (let i = 0; i < 2; i++) await this.#publisher(`publisher-${qos}-${i}`, qos);
    }
    if (this.#options.http !== undefined) this.#asking = this.#ask(this.#options.http);
  }

  /** Ends the publishing, waits until all that was acknowledged has come, and gives the books. */
  async finish(): Promise<LoadBooks> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#asking;
    const open = () =>
      this.#topics.reduce((sum, { made, acknowledged }) => sum + made - acknowledged.size, 0);
    const settled = () => open() === this.#refused.length;
    await eventually('all is answered', settled, PATIENCE).catch(() => undefined);
    const complete = () =>
      this.#takers.every(({ taken }) =>
        this.#topics.every(
          ({ topic, acknowledged }) => new Set(taken.get(topic)).size >= acknowledged.size,
        ),
      );
    // What does not come any more is told by the books, with numbers.
    await eventually('all has come', complete, PATIENCE).catch(() => undefined);
    const [refused, http] = [this.#refused, this.#http];
    return { mqtt: audit(this.#topics, this.#takers), http, refused };
  }

  /** What is published, and acknowledged by now. */
  get topics(): readonly PublishedTopic[] {
    return this.#topics;
  }

  /** By topic: what is acknowledged by now. */
  acknowledged(): Map<string, Set<number>> {
    return new Map(this.#topics.map(({ topic, acknowledged }) => [topic, new Set(acknowledged)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#asking;
    await Promise.all(this.#clients.map((client) => client.endAsync(true)));
  }

  #connect(clientId: string): Promise<MqttClient> {
    const client = mqtt.connect(`mqtt://${this.#options.host}:1883`, {
      ...this.#options.login,
      clientId,
      clean: false,
      protocolVersion: 5,
      properties: { sessionExpiryInterval: SESSION_S },
      keepalive: KEEPALIVE_S,
      reconnectPeriod: RECONNECT,
      connectTimeout: CONNECT,
    });
    this.#clients.push(client);
    client.on('error', () => undefined);
    return new Promise((resolve) => client.once('connect', () => resolve(client)));
  }

  async #subscriber(name: string, qos: 1 | 2): Promise<void> {
    const client = await this.#connect(name);
    const taken = new Map<string, number[]>();
    client.on('message', (topic, payload) => {
      const numbers = taken.get(topic) ?? [];
      numbers.push(Number(String(payload)));
      taken.set(topic, numbers);
    });
    const { prefix = PREFIX } = this.#options;
    await client.subscribeAsync(`${prefix}/#`, { qos });
    this.#takers.push({ subscriber: name, qos, taken, complete: true });
  }

  async #publisher(name: string, qos: 1 | 2): Promise<void> {
    const client = await this.#connect(name);
    const { every = 25, prefix = PREFIX } = this.#options;
    const books = { topic: `${prefix}/${name}`, qos, made: 0, acknowledged: new Set<number>() };
    this.#topics.push(books);
    this.#timers.push(
      setInterval(() => {
        const number = books.made++;
        client.publish(books.topic, String(number), { qos }, (error) => {
          if (!error || codeOf(error) === NOT_FOUND) books.acknowledged.add(number);
          else this.#refused.push(`${books.topic} ${number}: ${error.message}`);
        });
      }, every),
    );
  }

  async #ask(url: string): Promise<void> {
    let answered = performance.now();
    while (!this.#stopped) {
      this.#http.asked++;
      try {
        const response = await fetch(url, {
          headers: { connection: 'close' },
          signal: AbortSignal.timeout(HTTP_TIMEOUT),
        });
        await response.arrayBuffer();
        if (!response.ok) throw new Error(`status ${response.status}`);
        this.#http.answered++;
        this.#http.gap = Math.max(this.#http.gap, performance.now() - answered);
        answered = performance.now();
      } catch (error) {
        this.#http.failed++;
        const { cause, message } = error as Error & { cause?: Error & { code?: string } };
        if (CUT.has(String(cause?.code))) this.#http.cut++;
        if (this.#http.examples.length < EXAMPLES_MAX)
          this.#http.examples.push(cause?.message ?? message);
      }
      await new Promise((resolve) => setTimeout(resolve, HTTP_EVERY));
    }
  }
}
