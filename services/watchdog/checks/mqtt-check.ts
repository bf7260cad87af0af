import type { Check } from './check.ts';
import { type Address, exchange } from './tcp-check.ts';

/** PROXY protocol version 2, command LOCAL, no addresses: "the balancer itself" (section 2.2). */
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
/** CONNECT of MQTT 3.1.1, clean, keep alive 10 s, client id `watchdog` (MQTT 3.1.1, 3.1). */
const CONNECT = Buffer.from([
  ...[0x10, 20, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 10, 0, 8],
  ...Buffer.from('watchdog'),
]);
const CONNACK = 0x20;

/**
 * Layer 7: the broker answers a CONNECT. A refusal is an answer: whether this node should take
 * clients now is for the balancer, whether anybody is at home is for us.
 */
export class MqttCheck implements Check {
  readonly name: string;
  readonly #address: Address;
  readonly #sent: Buffer;

  /** `proxyProtocol`: the listener wants a PROXY header first. */
  constructor(address: Address, proxyProtocol: boolean) {
    this.#address = address;
    this.#sent = proxyProtocol ? Buffer.concat([LOCAL, CONNECT]) : CONNECT;
    this.name = `MQTT at ${address.host}:${address.port}`;
  }

  run(signal: AbortSignal): Promise<void> {
    return exchange(this.#address, signal, this.#sent, (answer) => answer[0] === CONNACK);
  }
}
