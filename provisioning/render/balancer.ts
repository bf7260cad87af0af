import { VIP_PORTS } from '#core/contracts/ports.ts';
import { at, header, type Plan, type PlannedNode } from './plan.ts';

/**
 * balancer.cfg, in HAProxy's language (configuration manual 2.6).
 *
 * `leastconn` for MQTT: connections live for days, so their number is the load, and after a broker
 * returns the new ones fill it up. Equal counts go round robin, so that the first two clients land
 * on different brokers.
 */
export function renderBalancer(plan: Plan): string {
  const { cluster, publicHost, ports, nodes } = plan;
  const servers = (port: (node: PlannedNode) => number, health: (node: PlannedNode) => string) =>
    nodes
      .map(
        (node) =>
          `    server ${node.name} ${at(node.host, port(node))} ${health(node)} send-proxy-v2`,
      )
      .join('\n');
  const followers = (port: (node: PlannedNode) => number) =>
    servers(port, (node) => `track mqtt/${node.name}`);

  return `${header("The balancer, in HAProxy's configuration language", plan)}

global
    log stdout format raw local0
    maxconn 4000

defaults
    log     global
    mode    tcp
    option  tcplog
    option  dontlognull
    # A refused connection is tried on the other brokers at once.
    retries 3
    option  redispatch 1
    # In a house a broker answers within milliseconds: one that does not is gone, and the next is tried.
    timeout connect 1s
    timeout queue   10s
    timeout check   2s
    # MQTT clients ping every 60 to 1200 s and the broker allows 1.5 times that: never cut them
    # before it does. TCP keepalive finds the peers that are gone.
    timeout client  1h
    timeout server  1h
    option  clitcpka
    option  srvtcpka
    # A dead broker is out after about 1.5 s and back in 1 s after it answers again; a frozen one,
    # which still accepts connections, after two silent checks (timeout check).
    default-server inter 1s fastinter 500ms downinter 500ms rise 2 fall 2

# Phones, sensors and everything else that speaks MQTT.
listen mqtt
    bind ${at(publicHost, ports.mqtt)}
    balance leastconn
    # CONNECT, CONNACK, DISCONNECT. No credentials stand in this file: a check says that it is one
    # (PROXY v2, LOCAL), and the broker answers whether it takes clients now.
    option mqtt-check
${servers(
  (node) => node.ports.mqtt,
  () => 'check',
)}

# Connectors to other systems: few, long-lived, silent for hours.
listen connectors
    bind ${at(publicHost, ports.connectors)}
    timeout client 3h
    timeout server 3h
    balance leastconn
    # The same brokers: one check of each is enough.
${followers((node) => node.ports.mqtt)}

# MQTT over WebSocket: carried as bytes, the broker does the upgrade.
listen websocket
    bind ${at(publicHost, ports.websocket)}
    balance leastconn
${followers((node) => node.ports.websocket)}
${
  cluster.mqtt.tls === undefined
    ? ''
    : `
# The same over TLS, which passes through: the brokers have the certificate (mqtt.tls), and see
# those of the clients.
listen mqtt-tls
    bind ${at(publicHost, ports.mqttTls)}
    balance leastconn
${followers((node) => node.ports.mqttTls)}

listen websocket-tls
    bind ${at(publicHost, ports.websocketTls)}
    balance leastconn
${followers((node) => node.ports.websocketTls)}
`
}
${serving(plan)}${statsPage(plan)}`;
}

function serving({ cluster, host }: Plan): string {
  if (cluster.vip === undefined) return '';
  return `# Asked by what decides whether this node may have the virtual address (vip.yaml).
frontend serving
    bind ${at(host, VIP_PORTS.serving)}
    mode http
    option httplog
    monitor-uri /
    monitor fail if { nbsrv(mqtt) lt 1 }

`;
}

function statsPage({ cluster, publicHost, ports, openStats }: Plan): string {
  const login = cluster.balancer.stats;
  if (!login && !openStats)
    return '# No page of its own: cluster.yaml names no balancer.stats user who may see it.\n';
  return `# The balancer's own page, and the same as CSV with ;csv at the end.
listen stats
    bind ${at(publicHost, ports.stats)}
    mode http
    option httplog
    timeout client 50s
    timeout server 50s
    stats enable
    stats uri /haproxy?stats
    stats refresh 5s
${openStats ? '    # --anonymous: open to whoever is on this machine.' : `    stats auth ${quote(`${login!.user}:${login!.password}`)}`}
`;
}

/** One word in strong quotes (section 2.2): nothing inside is special but the quote itself. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'"'"'`)}'`;
}
