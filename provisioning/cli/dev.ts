import { errorEvent, runDev } from '../dev/run.ts';
import type { Command } from './command.ts';

const MAX_NODES = 9;
const HIGHEST_PORT = 65_535;

export const devCommand: Command = {
  name: 'dev',
  summary: 'Run a whole cluster on this machine: brokers, balancer, page',
  positionals: [],
  options: {
    nodes: {
      type: 'number',
      value: 'N',
      min: 1,
      max: MAX_NODES,
      text: 'broker nodes, each with its nats-server (2 at the first run)',
    },
    'base-port': {
      type: 'number',
      value: 'P',
      min: 1024,
      max: HIGHEST_PORT,
      text: 'move every port to P and above',
    },
    anonymous: { type: 'flag', text: 'no credentials for MQTT and the statistics' },
    data: { type: 'string', value: 'DIR', text: 'configuration, messages and logs (.bramble)' },
    config: {
      type: 'string',
      value: 'FILE',
      text: 'your own cluster.yaml instead of DIR/cluster.yaml',
    },
    kafka: {
      type: 'flag',
      text: 'start Apache Kafka too, and carry every message to its topic "mqtt"',
    },
    json: { type: 'flag', text: 'one JSON object per event on stdout, for scripts' },
  },
  details: `Everything listens on 127.0.0.1 only. Ports without --base-port, and their offsets from it:

  MQTT 1883 (+0)   connectors 1884 (+1)   WebSocket 8083 (+2)   page 8080 (+3)
  balancer statistics 8081 (+4)           health of balancer, stats, supervisor (+5, +6, +7)
  with mqtt.tls in cluster.yaml: MQTT over TLS 8883 (+8)   WebSocket over TLS 8084 (+9)
  node i, from 0, at +10+10i: MQTT +0, WebSocket +1, health +2, nats +3, its peers +4, its
  monitoring +5, with mqtt.tls MQTT over TLS +6 and WebSocket over TLS +7, and the health of
  its second and third worker (mqtt.workers) +8, +9;
  behind the last node: health of each bridge, and of --kafka its clients 9092, itself, its
  controller;
  without --base-port these count from 21880

DIR/cluster.yaml is written at the first run, with generated credentials, and is yours to edit;
DIR/rendered holds what was made from it, DIR/logs what each process said, DIR/store what the
brokers keep (another number of nodes has another store). With one node or two nothing durable
can be stored while a nats-server is away; from three nodes on one may be missing.

A process that ends is started again. Ctrl-C (or SIGTERM) drains and stops everything in order,
a second Ctrl-C ends it at once.

Events of --json: note, started, process-ready, ready (the last of the start), exited, log,
stopping, stopped, error. Names: balancer, stats, broker-N, nats-N, bridge-N, kafka.`,
  examples: [
    { line: 'bramble dev', text: 'two nodes on the usual ports, data in ./.bramble' },
    { line: 'bramble dev --nodes 3', text: 'three, which survive the loss of any one' },
    {
      line: 'bramble dev --base-port 30000 --data /tmp/b',
      text: 'a second cluster beside the first',
    },
    { line: 'bramble dev --anonymous --json', text: 'for a script, without credentials' },
  ],
  async run({ values }) {
    try {
      return await runDev({
        nodes: values.nodes as number | undefined,
        basePort: values['base-port'] as number | undefined,
        anonymous: values.anonymous === true,
        data: (values.data as string | undefined) ?? '.bramble',
        json: values.json === true,
        config: values.config as string | undefined,
        kafka: values.kafka === true,
      });
    } catch (error) {
      if (values.json === true) process.stdout.write(errorEvent(error));
      throw error;
    }
  },
};
