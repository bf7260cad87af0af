import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { KafkaCheck } from '../../../services/watchdog/checks/kafka-check.ts';
import { freePorts } from '../../support/ports.ts';

const HOST = '127.0.0.1';
const servers: net.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Answers each request with what `reply` makes of it; undefined: with silence. */
async function listen(reply: (request: Buffer) => Buffer | undefined): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (request) => {
      const answer = reply(request);
      if (answer !== undefined) socket.write(answer);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return (server.address() as net.AddressInfo).port;
}

/** What Kafka's protocol says of a request: its correlation id comes back, then no error. */
function answerTo(request: Buffer): Buffer {
  expect(request.readInt32BE(0)).toBe(request.length - 4);
  expect([request.readInt16BE(4), request.readInt16BE(6)]).toEqual([18, 0]);
  expect(request.toString('latin1', 14)).toBe('watchdog');
  const answer = Buffer.alloc(14);
  answer.writeInt32BE(10, 0);
  answer.writeInt32BE(request.readInt32BE(8), 4);
  return answer;
}

const check = (port: number, controllers: number[], patience = 5_000) =>
  new KafkaCheck({
    clients: { host: HOST, port },
    controllers: controllers.map((one) => ({ host: HOST, port: one })),
  }).run(AbortSignal.timeout(patience));

test('who answers the question is alive, whatever it answers it with', async () => {
  const port = await listen(answerTo);
  await check(port, [port]);
  const unsupported = await listen((request) => {
    const answer = answerTo(request);
    answer.writeInt16BE(35, 8);
    return answer;
  });
  await check(unsupported, [unsupported]);
});

test('who says something else, or nothing, is not', async () => {
  const http = await listen(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await expect(check(http, [http])).rejects.toThrow('something else');
  const silent = await listen(() => undefined);
  await expect(check(silent, [silent], 100)).rejects.toThrow(/timeout/i);
});

test('one that takes no clients is left alone while no majority of controllers runs', async () => {
  const [clients = 0, away = 0, gone = 0] = await freePorts(3);
  const own = await listen(() => undefined);
  const other = await listen(() => undefined);
  await check(clients, [own, away, gone]);
  await check(clients, [own, away]);
  await expect(check(clients, [own, other, gone])).rejects.toThrow('ECONNREFUSED');
  await expect(check(clients, [own])).rejects.toThrow('ECONNREFUSED');
});
