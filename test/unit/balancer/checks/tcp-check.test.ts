import type net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Checks } from '../../../../services/balancer/checks/checks.ts';
import { ScriptCheck } from '../../../../services/balancer/checks/script-check.ts';
import { connectOnly } from '../../../../services/balancer/checks/steps.ts';
import type { ServerConfig } from '../../../../services/balancer/model.ts';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import type { CheckReport } from '../../../../services/balancer/servers/types.ts';
import { checkConfig, proxyConfig, serverConfig } from '../../../support/balancer-config.ts';
import { freePort } from '../../../support/ports.ts';
import { Peer, until } from '../../../support/tcp-peers.ts';

const peers: Peer[] = [];
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.stop()));
});
async function peer(serve: (socket: net.Socket) => void = () => {}): Promise<Peer> {
  const one = await new Peer('a', serve).start();
  peers.push(one);
  return one;
}

function checkTcp(server: ServerConfig, done: (report: CheckReport) => void): ScriptCheck {
  const script = connectOnly();
  if (script.kind !== 'script') throw new TypeError('no script');
  const limits = { connect: 5000, answer: 5000 };
  return new ScriptCheck(server, script, { limits, drains: false, backend: 'x' }, done).start();
}
const check = (server: ServerConfig): Promise<CheckReport> =>
  new Promise((resolve) => checkTcp(server, resolve));

describe('a check that only connects', () => {
  it('says L4OK of one that listens, L4CON and why of one that does not', async () => {
    const { port } = await peer();
    const up = await check(serverConfig({ port, check: checkConfig() }));
    expect(up.status).toBe('L4OK');
    const down = await check(serverConfig({ port: await freePort(), check: checkConfig() }));
    expect(down).toMatchObject({
      status: 'L4CON',
      info: 'Connection refused',
    });
  });

  it('goes where addr and port say, not where the traffic goes', async () => {
    const { port } = await peer();
    const config = checkConfig({ addr: '127.0.0.1', port });
    expect(await check(serverConfig({ host: '127.0.0.2', port: 1, check: config }))).toMatchObject({
      status: 'L4OK',
    });
  });

  it('sends a PROXY header where it is asked to', async () => {
    let sent = '';
    const { port } = await peer((socket) => {
      socket.setEncoding('latin1').on('data', (data) => {
        sent += data;
      });
      socket.on('end', () => socket.end());
    });
    await check(serverConfig({ port, sendProxy: 'v1', check: checkConfig({ sendProxy: true }) }));
    await until(() => sent.length > 0, 'a header');
    expect(sent).toMatch(new RegExp(`^PROXY TCP4 127.0.0.1 127.0.0.1 \\d+ ${port}\r\n$`));
  });

  it('reports nothing once it is called off', async () => {
    const { port } = await peer();
    let reported = false;
    const running = checkTcp(serverConfig({ port, check: checkConfig() }), () => {
      reported = true;
    });
    running.cancel();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reported).toBe(false);
  });
});

describe('Checks', () => {
  it('follow the server down and up, at the pace of its state, until stopped', async () => {
    const one = await peer((socket) => socket.destroy());
    const pace = checkConfig({ inter: 40, fastinter: 10, downinter: 20, rise: 2, fall: 2 });
    const backend = new Backend(proxyConfig([{ port: one.port, check: pace }, {}]), () => {});
    const [server] = backend.servers;
    const checks = new Checks([backend]);
    checks.start();
    await until(() => server!.state === 'up', 'it is up');
    await one.stop();
    await until(() => server!.state === 'down', 'it is down');
    expect(server!.checkStatus).toBe('L4CON');
    await one.start();
    await until(() => server!.state === 'up', 'it is up again');
    checks.stop();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const seen = one.accepted;
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(one.accepted).toBe(seen);
  });

  it('do not start all at once', async () => {
    const one = await peer((socket) => socket.destroy());
    const times: number[] = [];
    const servers = Array.from({ length: 5 }, () => ({
      port: one.port,
      check: checkConfig({ inter: 1000 }),
    }));
    const backend = new Backend(proxyConfig(servers), () => {});
    const checks = new Checks([backend]);
    checks.start();
    for (const server of backend.servers) {
      await until(() => server.checkStatus === 'L4OK', 'checked');
      times.push(performance.now());
    }
    checks.stop();
    expect(times[4]! - times[0]!).toBeGreaterThan(500);
  });
});
