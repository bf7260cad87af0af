import type { ClusterSnapshot } from '../model/snapshot.ts';
import { type Html, html } from './html.ts';
import type { Live } from './live.ts';

const PLAIN_WORD = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** One word of a POSIX shell's command line. */
export function shellWord(text: string): string {
  return PLAIN_WORD.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Where clients go, and two lines to try it with. No secret is ever shown. */
export function connect(snapshot: ClusterSnapshot, live: Live): Html {
  const { host, port, credentials } = snapshot.connect;
  const literal = host.includes(':') ? `[${host}]` : host;
  const login = credentials ? ' -u USER -P PASSWORD' : '';
  const at = `-h ${shellWord(host)} -p ${port}${login}`;
  const lines = [
    ['Subscribe', `mosquitto_sub ${at} -t 'hello/#' -v`],
    ['Publish', `mosquitto_pub ${at} -t hello/you -m hi`],
  ];
  return live.block('section', 'connect', { 'aria-labelledby': 'h-connect' }, () => [
    html`<h2 id="h-connect">Connect</h2>`,
    live.cell('div', 'connect-lines', { class: 'panel' }, [
      html`<p>MQTT 3.1.1 and 5 at <code class="address">mqtt://${literal}:${port}</code>${credentials ? ', with a user of cluster.yaml.' : ', without credentials.'}</p>`,
      lines.map(
        ([label, line]) => html`<p class="command"><span>${label}</span> <code>${line}</code></p>`,
      ),
    ]),
  ]);
}
