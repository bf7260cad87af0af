import { expect, test } from 'vitest';
import { freePortRange } from '../support/ports.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { ask, together } from '../support/webs.ts';

async function run(which: Which): Promise<string[]> {
  const first = await freePortRange(6);
  const ports = Array.from({ length: 6 }, (_, at) => first + at);
  const config = `defaults
 mode http
 timeout client 5s
 timeout connect 5s
 timeout server 5s
frontend f
 bind 127.0.0.1:${ports[0]} proto h1
 bind 127.0.0.1:${ports[1]} id 7 name seven
 bind 127.0.0.1:${ports[2]}-${ports[3]}
 bind 127.0.0.1:${ports[4]} id 2
 bind 127.0.0.1:${ports[5]}
 tcp-request connection set-src ipv4(10.0.0.1)
 tcp-request connection set-dst-port int(77) if { dst_port ${ports[5]} }
 tcp-request session set-dst ipv4(10.0.0.3) if { dst_port ${ports[0]} }
 http-request set-src hdr(x-ip) if { hdr(x-ip) -m found }
 http-request set-dst-port int(99)
 http-request return status 200 content-type text/plain lf-string "%[so_id] %[so_name] %[src] %[fc_src] %[dst_port] %[fc_dst_port] %[dst] %[fc_dst]"
`;
  await using _proxy = await startEither(which, { config, ports });
  const seen: string[] = [];
  for (const port of ports) {
    const { body } = await ask(port, { headers: { 'x-ip': '10.1.2.3' } });
    seen.push(body.replace(String(port), 'PORT'));
  }
  return seen;
}

test('listeners are numbered, and the connection stays what it was when rules give it addresses', async () => {
  const { haproxy, bramble } = await together(run);
  expect(bramble).toEqual(haproxy);
  expect(haproxy[1]).toBe('7 seven 10.1.2.3 10.0.0.1 99 PORT 127.0.0.1 127.0.0.1');
  console.log(haproxy.join(' | '));
});
