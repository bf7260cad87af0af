declare module 'kafkajs/src/broker/index.js' {
  /** One node of Kafka, as far as the bridge touches it. */
  export default class Broker {
    produce(request: import('./prepared-batch.ts').ProduceRequest): Promise<unknown>;
  }
}
