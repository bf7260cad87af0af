import { expect, test } from 'vitest';
import { freePorts } from '../support/ports.ts';
import { lineMatching } from '../support/proxy-process.ts';
import { askRuntime } from '../support/runtime-socket.ts';
import { BOTH, eventOf, startEither, type Which } from '../support/side-by-side.ts';
import { echo, Peer } from '../support/tcp-peers.ts';

async function run(which: Which): Promise<{ events: string[]; states: string[] }> {
  const peer = await new Peer('s', echo).start();
  const [runtime = 0, nobody = 0] = await freePorts(2);
  const config = `global
 log stdout format raw daemon
 stats socket 127.0.0.1:${runtime} level admin
defaults
 mode tcp
 log global
 option log-health-checks
 timeout connect 5s
 timeout server 5s
 default-server inter 1s rise 1 fall 1
backend places
 server port-behind 127.0.0.1:${nobody} check addr 127.0.0.1:${nobody} port ${peer.port}
 server port-before 127.0.0.1:${nobody} check port ${peer.port} addr 127.0.0.1:${nobody}
 server port-of-addr 127.0.0.1:${nobody} check addr 127.0.0.1:${peer.port}
 server nowhere 255.255.255.255:80 check
 server nobody 127.0.0.1:${nobody} check
backend unchecked
 server one 127.0.0.1:${nobody}
 server three 127.0.0.1:${nobody} rise 3
 server off 127.0.0.1:${nobody} rise 3 disabled
`;
  await using proxy = await startEither(which, { config, ports: [runtime] });
  const names = ['port-behind', 'port-before', 'port-of-addr', 'nowhere', 'nobody'];
  const events: string[] = [];
  for (const name of names) {
    const line = await lineMatching(proxy.out, new RegExp(`^Health check.*/${name} `));
    events.push(eventOf(line));
  }
  const states = (await askRuntime(runtime, 'show servers state unchecked'))
    .split('\n')
    .filter((line) => line.includes(' unchecked '))
    .map((line) => line.split(' ').slice(3, 14).join(' '))
    .map((line) => line.replaceAll(String(nobody), 'PORT'));
  await peer.stop();
  return { events, states };
}

test('checks go where the line says, and tell what the system says of it', async () => {
  const [haproxy, bramble] = [await run(BOTH[0]!), await run(BOTH[1]!)];
  expect(bramble.events).toEqual(haproxy.events);
  // Seconds since the last change may differ by one.
  const timeless = (line: string): string[] => line.split(' ').filter((_, at) => at !== 6);
  expect(bramble.states.map(timeless)).toEqual(haproxy.states.map(timeless));
  expect(haproxy.events[3]).toContain('General socket error (Network is unreachable)');
  console.log(`${haproxy.events.length} checks and ${haproxy.states.length} states compared`);
});
