import { randomBytes } from 'node:crypto';

export interface InitNode {
  name: string;
  address: string;
}

/** What `bramble init` was told. */
export interface InitAnswers {
  name: string;
  nodes: readonly InitNode[];
  vip: string | undefined;
  /** Name of the first MQTT user, who may do everything. */
  user: string;
}

const SECRET_BYTES = 24;
/** 96 bits, in letters and digits that can be pasted anywhere. */
const PASSWORD_BYTES = 12;

const random = (bytes: number): string => randomBytes(bytes).toString('hex');

/** A new cluster.yaml with generated credentials, commented for who reads it for the first time. */
export function newCluster({ name, nodes, vip, user }: InitAnswers): string {
  const width = Math.max(...nodes.map((node) => quoted(node.name).length + 1));
  const rows = nodes.map(
    (node) =>
      `  - { name: ${`${quoted(node.name)},`.padEnd(width)} address: ${quoted(node.address)} }`,
  );
  return `# The whole cluster in one file, the same on every node. It holds passwords: keep it private.
#   bramble validate FILE   checks it, with line and column
#   bramble plan            shows what it would change on each node
#   bramble apply           makes it so, one node at a time

cluster:
  name: ${quoted(name)}
  # The nodes know each other by it. Whoever has it can read every message.
  secret: ${random(SECRET_BYTES)}

# A node is called by its host name. Roles that are not named: [balancer, broker].
#   balancer  takes clients, and can hold the vip
#   broker    keeps sessions and messages; three survive the loss of any one
#   bridge    carries messages to Kafka and back; wants the role broker as well
#   kafka     runs Apache Kafka: on one node or on three
nodes:
${rows.join('\n')}

# An address that no machine has. The node that serves holds it, and it moves when that one dies.
${vip === undefined ? '# vip: 192.168.1.10' : `vip: ${quoted(vip)}`}

mqtt:
  # MQTT clients log in as one of these. An admin may do everything and sees $SYS.
  users:
    - name: ${quoted(user)}
      # "bramble password" makes a hash of one, which can stand here instead.
      password: ${random(PASSWORD_BYTES)}
      admin: true
    # One that may only write its own values and read its own commands; %u is the user name:
    # - name: sensor
    #   password: …
    #   acl:
    #     - { topic: sensors/%u/#, access: write }
    #     - { topic: commands/%u/#, access: read }

  # How much of what was acknowledged a power cut of all nodes at once may take. "power-loss":
  # nothing, at the price of one flush of the disk for each record.
  durability: { flush: 1s }

balancer:
  # Who may see http://NODE:8081/haproxy?stats
  stats:
    user: ${quoted(user)}
    password: ${random(PASSWORD_BYTES)}

# Where Kafka is, and what goes there:
# kafka:
#   bootstrap: [192.168.1.20:9092]
# bridge:
#   toKafka:
#     - { name: everything, filters: ['#'], topic: mqtt, key: '\${topic}', qos: 1 }
`;
}

/** As YAML 1.2 reads it back as the same string. */
function quoted(text: string): string {
  const plain = /^[A-Za-z][A-Za-z0-9._-]*$/.test(text) || /^\d+\.\d+\.\d+\.\d+$/.test(text);
  const isWord = /^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain && !isWord ? text : JSON.stringify(text);
}
