import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { talk } from '../support/http-peers.ts';
import { type Which, withProxy } from '../support/side-by-side.ts';
import { together } from '../support/webs.ts';

const SAID = [
  ['GET / HTTP/1.1\r\nhost: one.test\r\n\r\n'],
  ['GET /two HTTP/1.1\r\nhost: t', 'wo.test\r\n\r\n'],
  ['POST /x HTTP/1.0\r\n\r\n'],
  ['SSH-2.0-x\r\n'],
  ['GET /two HTTP/1.1\r\nho'],
  ['\x16\x03\x01'],
];

describe('HTTP that clients of mode tcp speak, side by side with HAProxy', () => {
  test('rules ask for it and choose a backend by it', async () => {
    const scenario = (which: Which) =>
      withProxy(
        which,
        `
frontend f
    bind 127.0.0.1:PORT
    tcp-request inspect-delay 1s
    tcp-request content accept if HTTP { hdr(host) -i one.test }
    tcp-request content accept if HTTP
    log-format "%b %[var(txn.host)]"
    use_backend one if HTTP { hdr(host) -i one.test }
    use_backend two if HTTP { path /two }
    use_backend old if HTTP HTTP_1.0
    use_backend some if HTTP
    default_backend none
backend one
backend two
    tcp-request content set-var(txn.host) hdr(host)
backend old
backend some
backend none
`,
        async (port, proxy) => {
          const seen: string[] = [];
          for (const pieces of SAID) {
            const from = proxy.out.length;
            await talk(port, pieces);
            for (const end = Date.now() + 5000; Date.now() < end; await sleep(20)) {
              if (proxy.out.length > from) break;
            }
            seen.push(proxy.out.slice(from).join());
          }
          return seen;
        },
      );
    const { haproxy, bramble } = await together(scenario);
    expect(haproxy).toEqual(['one -', 'two two.test', 'old -', 'none -', 'none -', 'none -']);
    expect(bramble).toEqual(haproxy);
  });
});
