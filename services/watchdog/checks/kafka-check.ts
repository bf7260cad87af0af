import type { Check } from './check.ts';
import { type Address, exchange } from './tcp-check.ts';

/** Which answer is ours: Kafka sends it back. */
const CORRELATION = 0x62726d62;
/** Key 18, version 0, client id `watchdog`: what a client may ask before it logs in. */
const API_VERSIONS = request(18, 0, CORRELATION, 'watchdog');

export interface KafkaCheckOptions {
  /** Its listener for clients. */
  clients: Address;
  /** Every node's controller: a node takes clients when a majority of them has decided that it may. */
  controllers: readonly Address[];
}

/**
 * Layer 7: Kafka says which requests it knows (KIP-35). One that was started while no majority of
 * controllers runs takes no clients, and a restart would not help: it is alive.
 */
export class KafkaCheck implements Check {
  readonly name: string;
  readonly #options: KafkaCheckOptions;

  constructor(options: KafkaCheckOptions) {
    this.#options = options;
    const { host, port } = options.clients;
    this.name = `Kafka at ${host}:${port}`;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clients, controllers } = this.#options;
    try {
      await exchange(clients, signal, API_VERSIONS, isAnswer);
    } catch (error) {
      if (signal.aborted || (await this.#hasMajority(controllers, signal))) throw error;
    }
  }

  async #hasMajority(controllers: readonly Address[], signal: AbortSignal): Promise<boolean> {
    const open = await Promise.all(
      controllers.map((one) =>
        exchange(one, signal, undefined, () => true).then(
          () => true,
          () => false,
        ),
      ),
    );
    return open.filter(Boolean).length > controllers.length / 2;
  }
}

/** Length and our number; what it knows is of no interest. */
function isAnswer(answer: Buffer): boolean {
  return answer.length >= 8 && answer.readInt32BE(4) === CORRELATION;
}

/** A request without a body (Kafka protocol guide, request header v1). */
function request(key: number, version: number, correlation: number, client: string): Buffer {
  const header = Buffer.alloc(14);
  header.writeInt32BE(10 + client.length, 0);
  header.writeInt16BE(key, 4);
  header.writeInt16BE(version, 6);
  header.writeInt32BE(correlation, 8);
  header.writeInt16BE(client.length, 12);
  return Buffer.concat([header, Buffer.from(client)]);
}
