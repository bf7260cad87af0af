import { expect, test } from 'vitest';
import { ask, together, withListens } from '../support/webs.ts';

const TARGETS = [
  '/health',
  '/health?x=1',
  '/Health',
  '/health/',
  'http://www.example.org/health',
  'http://www.example.org/health?x=1',
  'http://www.example.org/healthy',
  '/query?q=1',
  '/query',
  'http://www.example.org/query?q=1',
  'http://www.example.org/absolute',
  '/absolute',
];

test('monitor-uri answers for a path however the request writes its address', async () => {
  const uris = ['/health', '/query?q=1', 'http://www.example.org/absolute'];
  const { haproxy, bramble } = await together((which) =>
    withListens(
      which,
      uris.map((uri) => ` monitor-uri ${uri}\n`),
      async (ports) => {
        const seen: string[] = [];
        for (const [at, uri] of uris.entries()) {
          for (const path of TARGETS) {
            const { status } = await ask(ports[at]!, { path });
            seen.push(`${uri} ${path} ${status}`);
          }
        }
        return seen;
      },
    ),
  );
  expect(bramble).toEqual(haproxy);
  const monitored = haproxy.filter((line) => line.endsWith(' 200'));
  expect(monitored.length).toBeGreaterThan(4);
  console.log(`${haproxy.length} requests compared, ${monitored.length} of them monitored`);
});
