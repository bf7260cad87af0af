import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import mqtt, { type MqttClient } from 'mqtt';
import { openBrowser } from '../support/browser.ts';
import { startDev } from '../support/dev.ts';

/**
 * `make screenshot`: the README's picture, of a real two-node cluster with clients on it and one
 * broker killed on the way. `--scheme dark` and `--width 390` show the page's other faces.
 */
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'services/stats/screenshot.png' },
    scheme: { type: 'string', default: 'light' },
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '1480' },
  },
});

const SENSORS = 40;
const PERIOD = 500;
/** Before and after the broker is killed, milliseconds. */
const BEFORE = 20_000;
const AFTER = 15_000;

await using dev = await startDev({ nodes: 2 });
await dev.ready();
const url = `mqtt://127.0.0.1:${dev.ports.mqtt}`;
const clients: MqttClient[] = [];
for (let i = 0; i < SENSORS; i++) {
  const client = await mqtt.connectAsync(url, { clientId: `sensor-${i}`, protocolVersion: 5 });
  clients.push(client);
  await client.subscribeAsync(`home/room${i % 8}/#`, { qos: 1 });
}
const publishing = setInterval(() => {
  for (const [i, client] of clients.entries()) {
    const reading = JSON.stringify({ temperature: 20 + (i % 5), at: Date.now() });
    if (client.connected) client.publish(`home/room${i % 8}/sensor${i}`, reading, { retain: true });
  }
}, PERIOD);
await sleep(BEFORE);
process.kill(dev.pidOf('broker-2'), 'SIGKILL');
await sleep(AFTER);

const browser = await openBrowser();
const page = await browser.newPage({
  viewport: { width: Number(values.width), height: Number(values.height) },
  colorScheme: values.scheme === 'dark' ? 'dark' : 'light',
  deviceScaleFactor: 1,
});
await page.goto(`http://127.0.0.1:${dev.ports.page}/`);
await sleep(PERIOD * 4);
await page.screenshot({ path: values.out });
await browser.close();
clearInterval(publishing);
await Promise.all(clients.map((client) => client.endAsync(true)));
console.log(values.out);
