/** User property of what a mapping published that came from Kafka: its cluster and mapping. */
export const FROM_KAFKA = 'bramble.from-kafka';

/** Record headers of what came from MQTT. */
export const HEADERS = {
  topic: 'mqtt.topic',
  qos: 'mqtt.qos',
  retain: 'mqtt.retain',
  client: 'mqtt.client',
  responseTopic: 'mqtt.response-topic',
  correlation: 'mqtt.correlation-data',
  contentType: 'content-type',
  /** The cluster that it came through: who carries it back to the same one makes a loop. */
  cluster: 'bramble.cluster',
  node: 'bramble.node',
  /** Node and number there: two records with the same one are copies of one publication. */
  id: 'bramble.id',
  /** Where it stands in the log: `shard:sequence:index`. */
  position: 'bramble.position',
} as const;
