import type { ServerTls } from '../../tls/config.ts';
import { type TrustKind, TrustStore } from '../../tls/trust-store.ts';
import type { Call, Command, CommandTable } from '../command.ts';
import type { RuntimeHost } from '../host.ts';
import { data, failure, notice, type Reply } from '../reply.ts';
import { attempt, certificateLines } from './certificates.ts';

const stores = { ca: new WeakMap<object, TrustStore>(), crl: new WeakMap<object, TrustStore>() };

/** Traffic's and checks', each once. */
const serverLines = (host: RuntimeHost): ServerTls[] => [
  ...new Set(
    host.backends.flatMap(({ servers }) =>
      servers.flatMap(({ config: { tls, tlsKept, check } }) =>
        [tls, tlsKept, check?.tls?.line].flatMap((line) => line ?? []),
      ),
    ),
  ),
];

/** The files of the configuration in force. */
function storeOf(kind: TrustKind, host: RuntimeHost): TrustStore {
  const { config } = host;
  let store = stores[kind].get(config);
  if (!store) {
    const binds = new Set(
      config.proxies.flatMap(({ binds: all }) => all.flatMap(({ tls }) => tls ?? [])),
    );
    store = new TrustStore(kind, () => ({ binds: [...binds], servers: serverLines(host) }));
    stores[kind].set(config, store);
  }
  return store;
}

const NAMES = { ca: 'CA', crl: 'CRL' } as const;

function show(kind: TrustKind, { host, word }: Call): Reply {
  const store = storeOf(kind, host);
  const count = (trust: { certificates: readonly string[] } | undefined): string =>
    kind === 'ca' ? ` - ${trust?.certificates.length ?? 0} certificate(s)` : '';
  const [, name = '', index = ''] = /^(.*?)(?::(\d+))?$/.exec(word(0)) ?? [];
  const { draft } = store;
  if (name === '') {
    const open = draft ? `# transaction\n*${draft.file}${count(draft.trust)}\n` : '';
    const lines = store.files.map((file) => `${file}${count(store.get(file))}\n`);
    return data(`${open}# filename\n${lines.join('')}`);
  }
  const pending = name.startsWith('*');
  const trust = pending
    ? draft?.file === name.slice(1)
      ? draft.trust
      : undefined
    : store.get(name);
  if (!trust) {
    return failure(`Can't display the ${kind === 'ca' ? 'CA' : 'certificate'} file : Not found!`);
  }
  const status = !pending && store.uses(name) ? 'Used' : 'Unused';
  const head = `Filename: ${name}\nStatus: ${status}\n`;
  if (kind === 'crl') return data(head);
  const parts = trust.certificates.map((pem, at) =>
    index === '' || Number(index) === at + 1
      ? ` \nCertificate #${at + 1}:\n${certificateLines(pem).join('\n')}\n`
      : '',
  );
  return data(`${head}${parts.join('')}`);
}

function set(kind: TrustKind, { host, word, payload }: Call): Reply {
  const name = word(0);
  if (name === '' || payload === undefined) {
    return failure(`'set ssl ${kind}-file expects a filename and ${NAMES[kind]}s as a payload`);
  }
  const began = attempt(() => storeOf(kind, host).set(name, payload));
  if (typeof began === 'string') return failure(`${began}\nCan't update ${name}!`);
  return notice(`transaction ${began ? 'created' : 'updated'} for ${NAMES[kind]} ${name}!`);
}

function commit(kind: TrustKind, { host, word }: Call): Reply {
  const file = word(0);
  if (file === '') return failure(`'commit ssl ${kind}-file expects a filename`);
  const result = attempt(() => storeOf(kind, host).commit(file));
  if (typeof result === 'string') return failure(`${result}\nCan't commit ${file}!`);
  const end = result.failure === undefined ? 'Success!' : `${result.failure}\nFailed!`;
  return data(`Committing ${file}${'.'.repeat(result.uses)}\n${end}\n`);
}

function onFile(
  kind: TrustKind,
  missing: string,
  act: (store: TrustStore, file: string) => void,
  done: (file: string) => string,
  failed = '',
): Command['run'] {
  return ({ host, word }) => {
    const file = word(0);
    if (file === '') return failure(missing);
    const fault = attempt(() => {
      act(storeOf(kind, host), file);
      return undefined;
    });
    return fault === undefined ? notice(done(file)) : failure(failed + fault);
  };
}

const commandsFor = (kind: TrustKind): CommandTable => {
  const what = `${NAMES[kind]} file`;
  const command = (
    verb: string,
    rest: string,
    summary: string,
    run: Command['run'],
    level: Command['level'] = 'admin',
  ): Command => ({
    name: `${verb} ssl ${kind}-file`,
    ...(verb !== 'show' && { workers: 'each' }),
    usage: `${verb} ssl ${kind}-file ${rest}`,
    summary,
    ...(level && { level }),
    run,
  });
  const each = `<${kind}file>`;
  return [
    command(
      'show',
      `[${each}]`,
      `display the ${what}s used in memory, or the details of one`,
      (call) => show(kind, call),
      'operator',
    ),
    command(
      'new',
      each,
      `create a new ${what} to be used in a crt-list`,
      onFile(
        kind,
        `'new ssl ${kind}-file' expects a filename`,
        (store, file) => store.create(file),
        (file) => `New ${what} created '${file}'!`,
      ),
    ),
    command('set', `${each} <payload>`, `replace a ${what}`, (call) => set(kind, call)),
    command('commit', each, `commit a ${what}`, (call) => commit(kind, call)),
    command(
      'abort',
      each,
      `abort a transaction for a ${what}`,
      onFile(
        kind,
        `'abort ssl ${kind}-file' expects a filename`,
        (store, file) => store.abort(file),
        (file) => `Transaction aborted for certificate '${file}'!`,
      ),
    ),
    command(
      'del',
      each,
      `delete an unused ${what}`,
      onFile(
        kind,
        `'del ssl ${kind}-file' expects a ${what} name`,
        (store, file) => store.delete(file),
        (file) => `${what} '${file}' deleted!`,
        `Can't remove the ${what}: `,
      ),
    ),
  ];
};

/** Who peers are judged by, at run time (management guide, section 9.3). Kept until a reload. */
export const TRUST_COMMANDS: CommandTable = [...commandsFor('ca'), ...commandsFor('crl')];
