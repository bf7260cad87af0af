/**
 * A client that connects every so many milliseconds: TCP, CONNECT, and whatever CONNACK comes counts,
 * since balancer and broker have answered. Prints one line of JSON for each attempt that ended:
 * when it began (milliseconds since the epoch) and whether it was answered.
 *
 *   node prober-process.ts HOST PORT MILLISECONDS
 */
import net from 'node:net';
import { generate } from 'mqtt-packet';

const TIMEOUT = 1_000;
/** No more at once than an unreachable host costs in a while. */
const OPEN_MAX = 256;
const CONNACK = 0x20;
const [, , host, port, milliseconds] = process.argv;
const EVERY = Number(milliseconds);

const connect = generate({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  clientId: 'prober',
  keepalive: 60,
});
const now = (): number => performance.timeOrigin + performance.now();
let open = 0;

function attempt(): void {
  if (open >= OPEN_MAX) return;
  open++;
  const began = now();
  const socket = net.connect(Number(port), host!);
  let answered = false;
  const timer = setTimeout(() => socket.destroy(), TIMEOUT);
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  socket.once('connect', () => socket.write(connect));
  socket.once('data', (data) => {
    answered = data[0] === CONNACK;
    // Without TIME_WAIT, so that ports do not run out.
    socket.resetAndDestroy();
  });
  socket.once('close', () => {
    open--;
    clearTimeout(timer);
    process.stdout.write(`[${began.toFixed(1)},${answered ? 1 : 0}]\n`);
  });
}

let next = performance.now();
function tick(): void {
  attempt();
  next = Math.max(next + EVERY, performance.now() - EVERY);
  setTimeout(tick, Math.max(0, next - performance.now()));
}
tick();
