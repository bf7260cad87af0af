/** Kafka's, as in pom.xml: a node's jars lie in a directory of that name. */
export const KAFKA_VERSION = '4.2.0';
