import { expect, test } from 'vitest';
import { ask, both, startWebs, withListens } from '../support/webs.ts';

const OPTIONS = [
  'option originalto',
  'option originalto header X-Dst',
  'option originalto except 127.0.0.1',
  'option originalto except 127.0.0.2',
  'option originalto except 127.0.0.0/8',
  'option originalto except 10.0.0.0/8 header X-Dst',
  'option originalto except ::1',
  'option originalto except 127.0.0.1\n http-request set-dst ipv4(10.9.8.7)',
  'option originalto except 10.0.0.0/8\n http-request set-dst ipv4(10.9.8.7)',
];

test('originalto leaves out whom it excepts, as in HAProxy', async () => {
  const [web] = await startWebs('a');
  web!.respond = (request, response) => {
    const told = ['x-original-to', 'x-dst'].map((name) => `${name}=${request.headers[name]}`);
    response.end(told.join(' '));
  };
  const { haproxy, bramble } = await both((which) =>
    withListens(
      which,
      OPTIONS.map((option) => ` ${option}\n server s 127.0.0.1:${web!.port}\n`),
      (ports) => Promise.all(ports.map(async (port) => (await ask(port)).body)),
    ),
  );
  await web!.stop();
  expect(bramble).toEqual(haproxy);
  expect(new Set(haproxy).size).toBeGreaterThan(3);
  console.log(`${haproxy.length} options compared`);
});
