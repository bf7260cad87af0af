import { describe, expect, test } from 'vitest';
import { proxyOf, read, warningsOf } from './read.ts';

async function listen(lines: string, defaults = '') {
  const { config } = await read(`${defaults}\nlisten x\n bind :80\n${lines}\n`);
  return proxyOf(config, 'x');
}

describe('warnings', () => {
  test('name what a section ignores', async () => {
    const warnings = await warningsOf(`frontend f
 bind :80
 timeout client 1s
 balance roundrobin
 retries 3
 fullconn 3
 timeout server 1s
 option redispatch
backend b
 bind :81
 maxconn 5
 default_backend b
 timeout client 1s
 option clitcpka
 option httplog
`);
    expect(warnings).toEqual([
      "4:2 'balance' ignored because frontend 'f' has no backend capability.",
      "5:2 'retries' ignored because frontend 'f' has no backend capability.",
      "6:2 'fullconn' ignored because frontend 'f' has no backend capability. Maybe you want 'maxconn' instead ?",
      "7:2 'timeout server' will be ignored because frontend 'f' has no backend capability",
      "8:9 'redispatch' ignored because frontend 'f' has no backend capability.",
      "10:2 'bind' ignored because backend 'b' has no frontend capability.",
      "11:2 'maxconn' ignored because backend 'b' has no frontend capability. Maybe you want 'fullconn' instead ?",
      "12:2 'default_backend' ignored because backend 'b' has no frontend capability.",
      "13:2 'timeout client' will be ignored because backend 'b' has no frontend capability",
      "14:9 'clitcpka' ignored because backend 'b' has no frontend capability.",
      "15:2 'option httplog' not usable with backend 'b' (needs 'mode http'). Falling back to 'option tcplog'.",
      "15:9 'httplog' ignored because backend 'b' has no frontend capability.",
    ]);
  });

  test('name what a tcp proxy cannot do, and missing timeouts', async () => {
    expect(
      await warningsOf(`listen x
 bind :80
 stats enable
 option forwardfor
 option httplog
 server s 127.0.0.1:80
frontend y
 timeout client 1s
`),
    ).toEqual([
      "1:1 'stats' statement ignored for proxy 'x' as it requires HTTP mode.",
      "1:1 'option forwardfor' ignored for proxy 'x' as it requires HTTP mode.",
      "1:1 missing timeouts for proxy 'x'.",
      "5:2 'option httplog' not usable with proxy 'x' (needs 'mode http'). Falling back to 'option tcplog'.",
      "5:2 log format ignored for proxy 'x' since it has no log address.",
      "7:1 frontend 'y' has no 'bind' directive. Please declare it as a backend if this was intended.",
    ]);
    const proxy = await listen(' stats enable\n option forwardfor\n option httplog');
    expect(proxy.stats).toBeUndefined();
    expect(proxy.options).toMatchObject({ forwardFor: undefined, logFormat: 'tcplog' });
  });

  test('tell of rules that come earlier than where they stand, and of those never reached', async () => {
    const text = `defaults
 mode http
 timeout client 1s
 timeout connect 1s
 timeout server 1s
frontend f
 bind :80
 monitor fail if FALSE
 tcp-request content accept
 tcp-request connection accept
 http-request deny
 http-request set-header a b
 use_backend b
 tcp-request session accept
 redirect location /
 http-response allow
 http-response allow if FALSE
 http-response allow
backend b
 use-server s if TRUE
 http-request deny if FALSE
 http-request normalize-uri path-merge-slashes
 http-request deny
 server s 127.0.0.1:1
`;
    const late = (kind: string, later: string): string =>
      `a '${kind}' rule placed after ${later} rule will still be processed before.`;
    const unreached = (keyword: string): string =>
      `previous '${keyword}' action is final and has no condition attached, further entries are NOOP.`;
    expect(await warningsOf(text)).toEqual([
      `9:2 ${late('tcp-request', "a 'monitor fail'")}`,
      `10:2 ${late('tcp-request', "a 'tcp-request content'")}`,
      `12:2 ${unreached('http-request')}`,
      `14:2 ${late('tcp-request', "a 'tcp-request content'")}`,
      `15:2 ${late('redirect', "a 'use_backend'")}`,
      `17:2 ${unreached('http-response')}`,
      `21:2 ${late('http-request', "a 'use-server'")}`,
      `22:2 ${late('http-request', "a 'use-server'")}`,
      `23:2 ${late('http-request', "a 'use-server'")}`,
    ]);
  });
});
