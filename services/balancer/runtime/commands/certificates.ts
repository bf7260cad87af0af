import { X509Certificate } from 'node:crypto';
import { distinguishedName, keyLabel, sha1Of } from '../../samples/certificate.ts';
import { CertificateError, pemBlocks } from '../../tls/certificate.ts';
import { CertificateStore } from '../../tls/certificate-store.ts';
import type { BindTls } from '../../tls/config.ts';
import type { Call, CommandTable } from '../command.ts';
import type { RuntimeHost } from '../host.ts';
import { data, failure, notice, type Reply } from '../reply.ts';

const stores = new WeakMap<object, CertificateStore>();

/** The certificates of the configuration in force. */
export function storeOf(host: RuntimeHost): CertificateStore {
  const { config } = host;
  let store = stores.get(config);
  if (!store) {
    // Addresses of one line share it.
    const places = new Map<BindTls, string>();
    for (const { tls, position } of config.proxies.flatMap(({ binds }) => binds)) {
      if (tls) places.set(tls, `${position.file}:${position.line}`);
    }
    store = new CertificateStore(() => ({
      binds: [...places.keys()],
      placeOf: (bind) => places.get(bind) ?? '',
      servers: host.backends.flatMap(({ servers }) =>
        servers.flatMap((server) => server.config.tls ?? []),
      ),
    }));
    stores.set(config, store);
  }
  return store;
}

const nameOf = (name: string): string => distinguishedName(name, '', 1, '') ?? '';

/** Names as HAProxy lists them: those of the kind DNS, a comma behind each that others follow. */
const alternativesOf = ({ subjectAltName }: X509Certificate): string =>
  (subjectAltName ?? '')
    .split(', ')
    .map((each, index, all) => (index < all.length - 1 ? `${each}, ` : each))
    .filter((each) => each.startsWith('DNS:'))
    .join('');

/** What is shown of one certificate. */
export function certificateLines(pem: string): string[] {
  const own = new X509Certificate(pem);
  const { serialNumber, validFrom, validTo, raw, subject, issuer } = own;
  return [
    `Serial: ${serialNumber}`,
    `notBefore: ${validFrom}`,
    `notAfter: ${validTo}`,
    `Subject Alternative Name: ${alternativesOf(own)}`,
    `Algorithm: ${keyLabel(own)}`,
    `SHA1 FingerPrint: ${sha1Of(raw).toString('hex').toUpperCase()}`,
    `Subject: ${nameOf(subject)}`,
    `Issuer: ${nameOf(issuer)}`,
  ];
}

function describe(file: string, status: string, pems: readonly string[]): string {
  const [own, ...above] = pems;
  if (own === undefined) return `Filename: ${file}\nStatus: Empty\nOCSP Response Key: \n`;
  const lines = [
    `Filename: ${file}`,
    `Status: ${status}`,
    ...certificateLines(own),
    ...above.flatMap((pem) => {
      const { subject, issuer } = new X509Certificate(pem);
      return [`Chain Subject: ${nameOf(subject)}`, `Chain Issuer: ${nameOf(issuer)}`];
    }),
    'OCSP Response Key: ',
  ];
  return `${lines.join('\n')}\n`;
}

/** `*` in front asks for what the transaction would put in force. */
function show({ host, word }: Call): Reply {
  const store = storeOf(host);
  const name = word(0);
  if (name === '') {
    const open = store.open === undefined ? '' : `# transaction\n*${store.open}\n`;
    return data(`${open}# filename\n${store.files.map((file) => `${file}\n`).join('')}`);
  }
  const pending = name.startsWith('*');
  const file = pending ? name.slice(1) : name;
  if (pending ? store.open !== file : !store.has(file)) {
    return failure("Can't display the certificate: Not found or the certificate is a bundle!");
  }
  if (pending) return data(describe(name, 'Unused', store.pending));
  const { certificates } = pemBlocks(store.get(file)?.chain ?? '');
  return data(describe(file, store.uses(file) ? 'Used' : 'Unused', certificates));
}

function set({ host, word, payload }: Call): Reply {
  const name = word(0);
  if (name === '' || payload === undefined) {
    return failure("'set ssl cert expects a filename and a certificate as a payload");
  }
  const store = storeOf(host);
  const began = attempt(() => store.set(name, payload));
  if (typeof began === 'string') return failure(`${began}\nCan't update ${name}!`);
  return notice(`Transaction ${began ? 'created' : 'updated'} for certificate ${store.open}!`);
}

function commit({ host, word }: Call): Reply {
  const file = word(0);
  if (file === '') return failure("'commit ssl cert expects a filename");
  const result = attempt(() => storeOf(host).commit(file));
  if (typeof result === 'string') return failure(`${result}\nCan't commit ${file}!`);
  const dots = '.'.repeat(result.uses);
  const end = result.failure === undefined ? 'Success!' : `${result.failure}\nFailed!`;
  return data(`Committing ${file}${dots}\n${end}\n`);
}

/** What `change` gives, or why it could not be done. */
export function attempt<T>(change: () => T): T | string {
  try {
    return change();
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return error.message;
  }
}

/** A command on one file that says what it did, or what is against it. */
const onFile =
  (
    missing: string,
    act: (store: CertificateStore, file: string) => void,
    done: string,
    failed = '',
  ) =>
  ({ host, word }: Call): Reply => {
    const file = word(0);
    if (file === '') return failure(missing);
    const fault = attempt(() => {
      act(storeOf(host), file);
      return undefined;
    });
    if (fault !== undefined) return failure(failed + fault);
    return notice(done.replace('%s', () => file));
  };

/** Certificates at run time (management guide, section 9.3). They are kept until a reload. */
export const CERTIFICATE_COMMANDS: CommandTable = [
  {
    name: 'show ssl cert',
    usage: 'show ssl cert [<certfile>]',
    summary: 'display the SSL certificates used in memory, or the details of a file',
    level: 'operator',
    run: show,
  },
  {
    name: 'new ssl cert',
    workers: 'each',
    usage: 'new ssl cert <certfile>',
    summary: 'create a new certificate file to be used in a crt-list or a directory',
    level: 'admin',
    run: onFile(
      "'new ssl cert' expects a filename",
      (store, file) => store.create(file),
      "New empty certificate store '%s'!",
    ),
  },
  {
    name: 'set ssl cert',
    workers: 'each',
    usage: 'set ssl cert <certfile> <payload>',
    summary: 'replace a certificate file',
    level: 'admin',
    run: set,
  },
  {
    name: 'commit ssl cert',
    workers: 'each',
    usage: 'commit ssl cert <certfile>',
    summary: 'commit a certificate file',
    level: 'admin',
    run: commit,
  },
  {
    name: 'abort ssl cert',
    workers: 'each',
    usage: 'abort ssl cert <certfile>',
    summary: 'abort a transaction for a certificate file',
    level: 'admin',
    run: onFile(
      "'abort ssl cert' expects a filename",
      (store, file) => store.abort(file),
      "Transaction aborted for certificate '%s'!",
    ),
  },
  {
    name: 'del ssl cert',
    workers: 'each',
    usage: 'del ssl cert <certfile>',
    summary: 'delete an unused certificate file',
    level: 'admin',
    run: onFile(
      "'del ssl cert' expects a certificate name",
      (store, file) => store.delete(file),
      "Certificate '%s' deleted!",
      "Can't remove the certificate: ",
    ),
  },
];
