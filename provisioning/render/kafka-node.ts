import type { ClusterConfig } from '#core/config/cluster.ts';
import { KAFKA_AUTHORITY } from '#core/config/own-kafka.ts';
import { kafkaAuthority, kafkaCertificate } from '../certificates/kafka-certificates.ts';
import { type KafkaIdentity, kafkaIdentity } from '../kafka/identity.ts';
import { KAFKA_VERSION } from '../kafka/version.ts';
import { bridgeNodes } from './bridge.ts';
import { renderKafka } from './kafka.ts';
import { at, header, type Plan } from './plan.ts';

/** What bramble-kafka.service may write to. */
export const KAFKA_DATA = '/var/lib/kafka';
/** Where its certificates are. */
export const KAFKA_ETC = '/etc/bramble';
const CERTIFICATE = 'kafka.pem';
/** As much as a Pi with 2 GB can spare. */
const HEAP = '256m';
/** Whom a node logs in as at the others. */
const NODE_USER = 'node';
const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule';

/**
 * The files of a node with the role kafka, by name; none where it has not, but for whom a bridge
 * there trusts.
 */
export function renderKafkaNode(plan: Plan, name: string): Map<string, string> {
  const { cluster, ports } = plan;
  const tls = cluster.kafka?.tls !== undefined;
  const identity = kafkaIdentity(cluster);
  const own = identity.nodes.find((node) => node.name === name);
  const authority: [string, string] = [
    KAFKA_AUTHORITY,
    `${header('Whom clients of Kafka trust', plan)}\n\n${kafkaAuthority(cluster.cluster.secret)}`,
  ];
  if (own === undefined) {
    const bridges = bridgeNodes(plan).some((node) => node.name === name);
    return new Map(tls && identity.nodes.length > 0 && bridges ? [authority] : []);
  }
  const properties = renderKafka({
    id: own.number,
    host: own.address,
    ports: ports.kafka,
    controllers: identity.nodes.map(({ address }) => at(address, ports.kafka.controller)),
    data: KAFKA_DATA,
    nodes: identity.nodes.length,
    security: `${cluster.kafka?.sasl === undefined ? '' : 'SASL_'}${tls ? 'SSL' : 'PLAINTEXT'}`,
    inside: tls ? 'SASL_SSL' : 'SASL_PLAINTEXT',
    extra: `
# A node that comes later, or again with an empty disk, takes part in decisions once it has caught up.
controller.quorum.auto.join.enable=true

${logins(identity, cluster.kafka)}${tls ? CERTIFICATES : ''}`,
  });
  const certificate = kafkaCertificate(cluster.cluster.secret, own);
  const shown = `${header(`What Kafka of ${name} shows`, plan)}\n\n${certificate}`;
  return new Map([
    ...(tls ? [authority, [CERTIFICATE, shown] as const] : []),
    ['kafka.properties', `${header(`Kafka of ${name}`, plan)}\n\n${properties}`],
    ['kafka.env', renderEnvironment(plan, name)],
    ['kafka-log4j2.yaml', renderLogging(plan)],
  ]);
}

const CERTIFICATES = `

# Both follow from cluster.secret; clients trust the second.
ssl.keystore.type=PEM
ssl.keystore.location=${KAFKA_ETC}/${CERTIFICATE}
ssl.truststore.type=PEM
ssl.truststore.location=${KAFKA_ETC}/${KAFKA_AUTHORITY}`;

/** Nodes know each other by a password that is derived from cluster.secret. */
function logins({ password }: KafkaIdentity, kafka: ClusterConfig['kafka']): string {
  const inside = ['inside', 'controller'].map((listener) =>
    login(listener, { user: NODE_USER, password }),
  );
  const clients = kafka?.sasl === undefined ? [] : [login('clients', kafka.sasl)];
  return `# Who does not know these logins, derived from cluster.secret or named by kafka.sasl, stays outside.
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
${[...inside, ...clients].join('\n')}`;
}

function login(listener: string, { user, password }: { user: string; password: string }): string {
  const words = `${PLAIN} required username=${quoted(user)} password=${quoted(password)} user_${user}=${quoted(password)};`;
  const prefix = `listener.name.${listener}`;
  return `${prefix}.sasl.enabled.mechanisms=PLAIN
${prefix}.plain.sasl.jaas.config=${escaped(words)}`;
}

/** A string of a JAAS configuration, which knows C's escapes. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** A value of a properties file: ISO 8859-1, with escapes (java.util.Properties.load). */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function renderEnvironment(plan: Plan, name: string): string {
  return `${header(`How Kafka of ${name} is started`, plan)}
# Its jars: /opt/bramble/kafka/VERSION, or those of the image.
KAFKA_VERSION=${KAFKA_VERSION}
KAFKA_HEAP=${HEAP}
`;
}

function renderLogging(plan: Plan): string {
  return `${header('What Kafka tells the journal', plan)}
Configuration:
  status: error
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%p %c{1} %m%n"
  Loggers:
    Root:
      level: warn
      AppenderRef:
        ref: out
`;
}
