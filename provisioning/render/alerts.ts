import { stringify } from 'yaml';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { virtualAddresses } from '#core/config/vrrp.ts';
import { scrapeJob } from './prometheus.ts';

type Severity = 'warning' | 'critical';

/** One alert (Prometheus, alerting rules). `for`: how long it must hold before anybody is told. */
interface Alert {
  name: string;
  severity: Severity;
  expr: string;
  for: string;
  /** One line for people; `{{ $labels.instance }}` is the node. */
  summary: string;
}

export interface AlertOptions {
  cluster: ClusterConfig;
  /** As the first line names it. */
  clusterFile: string;
}

/** Degrees Celsius: where a Pi 4 and 5 begin to slow down is 80; cleared 5 below. */
const HOT = { warning: 70, critical: 80, below: 5 } as const;
/** Percent of a file system; above the second a log that grows can stop a node. */
const FULL = { warning: 80, critical: 92 } as const;
/** Share of the clients that a node takes. */
const MANY = 0.9;
/** Share of what the log keeps from which on messages for Kafka are about to be lost. */
const LATE = 0.9;
/** Starts of one service within an hour. */
const RESTARTS = 3;

/** A file for `rule_files` of Prometheus (2.31 and later): what somebody should know of. */
export function renderAlerts({ cluster, clusterFile }: AlertOptions): string {
  const name = cluster.cluster.name;
  const alerts = [
    ...ofNodes(cluster),
    ...ofStorage(cluster),
    ...ofAddresses(cluster),
    ...ofServices(),
    ...ofMachines(),
    ...ofBridge(cluster),
  ];
  const config = {
    groups: [
      {
        name: scrapeJob(cluster),
        rules: alerts.map(({ name: alert, severity, expr, for: wait, summary }) => ({
          alert,
          expr: expr.replaceAll('$job', `job="${scrapeJob(cluster)}"`),
          for: wait,
          labels: { severity, cluster: name },
          annotations: { summary },
        })),
      },
    ],
  };
  return `# What a Prometheus says aloud of the nodes of ${JSON.stringify(name)}.
# Written by bramble prometheus from ${clusterFile}: write it again when nodes come or go.

${stringify(config, { lineWidth: 0 })}`;
}

function ofNodes({ nodes }: ClusterConfig): Alert[] {
  const left = nodes.length > 1 ? '; the others carry on' : '';
  return [
    {
      name: 'BrambleNodeDown',
      severity: nodes.length > 1 ? 'warning' : 'critical',
      expr: 'up{$job} == 0',
      for: '1m',
      summary: `{{ $labels.instance }} does not answer${left}`,
    },
  ];
}

/** What is stored needs a majority of the nodes that store it. */
function ofStorage({ nodes }: ClusterConfig): Alert[] {
  const all = nodes.filter(({ roles }) => roles.includes('broker')).length;
  const majority = Math.floor(all / 2) + 1;
  const serving = '(count(bramble_broker_nats_connected{$job} == 1) or vector(0))';
  const lost: Alert = {
    name: 'BrambleNoMajority',
    severity: 'critical',
    expr: `${serving} < ${majority}`,
    for: '1m',
    summary: `only {{ $value }} of ${all} brokers serve: ${majority} are needed to take messages of QoS 1 and 2`,
  };
  // With fewer, one node that is down says the same.
  if (all < 5) return [lost];
  const risk: Alert = {
    name: 'BrambleMajorityAtRisk',
    severity: 'critical',
    expr: `${serving} == ${majority}`,
    for: '1m',
    summary: `{{ $value }} of ${all} brokers serve: with one less nothing is stored`,
  };
  return [lost, risk];
}

function ofAddresses(cluster: ClusterConfig): Alert[] {
  const count = virtualAddresses(cluster).length;
  if (count === 0) return [];
  const owned = '(sum(bramble_vip_owned{$job}) or vector(0))';
  return [
    {
      name: 'BrambleAddressUnowned',
      severity: 'critical',
      expr: `${owned} < ${count}`,
      for: '30s',
      summary: `{{ $value }} of ${count} virtual addresses belong to a node`,
    },
    {
      name: 'BrambleAddressTwice',
      severity: 'critical',
      expr: `${owned} > ${count}`,
      for: '1m',
      summary: 'several nodes have the same virtual address: do they hear each other?',
    },
  ];
}

function ofServices(): Alert[] {
  return [
    {
      name: 'BrambleServiceDown',
      severity: 'warning',
      expr: 'bramble_service_up{$job} == 0',
      for: '2m',
      summary: '{{ $labels.service }} of {{ $labels.instance }} does not answer',
    },
    {
      name: 'BrambleServiceNotMended',
      severity: 'critical',
      expr: 'bramble_watchdog_up{$job} == 0',
      for: '10m',
      summary:
        '{{ $labels.service }} of {{ $labels.instance }} is stopped, or the watchdog cannot mend it',
    },
    {
      name: 'BrambleServiceRestarts',
      severity: 'warning',
      expr: `changes(process_start_time_seconds{$job}[1h]) > ${RESTARTS}`,
      for: '0s',
      summary:
        '{{ $labels.service }} of {{ $labels.instance }} was started {{ $value }} times in an hour',
    },
    {
      name: 'BrambleBackendDown',
      severity: 'critical',
      expr: 'haproxy_backend_status{$job} == 0',
      for: '1m',
      summary: '{{ $labels.proxy }} at {{ $labels.instance }} has no server left',
    },
    {
      name: 'BrambleClientsNearLimit',
      severity: 'warning',
      expr: `bramble_broker_clients{$job} / bramble_broker_clients_limit{$job} > ${MANY}`,
      for: '5m',
      summary:
        '{{ $labels.instance }} has {{ $value | humanizePercentage }} of the clients that it takes',
    },
  ];
}

function ofMachines(): Alert[] {
  const disk = '100 * bramble_node_disk_used_bytes{$job} / bramble_node_disk_size_bytes{$job}';
  const full = (severity: Severity, wait: string): Alert => ({
    name: 'BrambleDiskFull',
    severity,
    expr: `${disk} > ${FULL[severity]}`,
    for: wait,
    summary: '{{ $labels.mount }} of {{ $labels.instance }} is {{ $value | humanize }} % full',
  });
  return [
    hot('warning', '5m'),
    hot('critical', '1m'),
    {
      name: 'BrambleThrottled',
      severity: 'critical',
      expr: 'bramble_node_throttled{$job,reason=~"undervoltage|throttled"} == 1',
      for: '1m',
      summary: '{{ $labels.instance }} is held back: {{ $labels.reason }}',
    },
    full('warning', '10m'),
    full('critical', '1m'),
    {
      name: 'BrambleDiskReadOnly',
      severity: 'critical',
      expr: 'bramble_node_disk_read_only{$job} == 1',
      for: '0s',
      summary:
        '{{ $labels.mount }} of {{ $labels.instance }} takes no writes: is the card worn out?',
    },
  ];
}

/** One that fires goes on until it is cooler by some degrees, or it would come and go. */
function hot(severity: Severity, wait: string): Alert {
  const degrees = 'bramble_node_temperature_celsius{$job}';
  const name = 'BrambleHot';
  const firing = `ALERTS{$job,alertname="${name}",alertstate="firing",severity="${severity}"}`;
  const limit = HOT[severity];
  return {
    name,
    severity,
    expr: `${degrees} > ${limit} or (${degrees} > ${limit - HOT.below} and on (instance) ${firing})`,
    for: wait,
    summary: '{{ $labels.instance }} has {{ $value | humanize }} °C',
  };
}

function ofBridge({ bridge }: ClusterConfig): Alert[] {
  if (bridge === undefined || bridge.toKafka.length + bridge.toMqtt.length === 0) return [];
  const used = 'max by (job, mapping) (bramble_bridge_to_kafka{$job,what="retention_used"})';
  const behind = (severity: Severity, share: number): Alert => ({
    name: 'BrambleBridgeBehind',
    severity,
    expr: `${used} > ${share}`,
    for: '1m',
    summary:
      '{{ $value | humanizePercentage }} of what the log keeps waits for Kafka (mapping {{ $labels.mapping }})',
  });
  return [
    {
      name: 'BrambleKafkaAway',
      severity: 'warning',
      expr: 'bramble_bridge_kafka_reachable{$job} == 0',
      for: '5m',
      summary:
        'the bridge of {{ $labels.instance }} does not reach Kafka; the log keeps what comes',
    },
    ...(bridge.toKafka.length === 0
      ? []
      : [
          behind('warning', bridge.alert),
          ...(bridge.alert < LATE ? [behind('critical', LATE)] : []),
        ]),
  ];
}
