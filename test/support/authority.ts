import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** One certificate with its key, in files and as text. */
export interface Issued {
  /** Key and chain in one file, as `crt` takes it. */
  readonly file: string;
  readonly key: string;
  readonly certificate: string;
}

/** An authority of a test's own, with a folder that goes away with it. */
export class Authority {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'bramble-certificates-'));
  /** The authority's certificate: what `ca-file` takes. */
  readonly file: string;
  readonly certificate: string;
  readonly #key: string;
  #serial = 1;

  constructor(name = 'Test Authority') {
    this.#key = this.path('authority.key');
    this.file = this.path('authority.pem');
    openssl([
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', this.#key, '-out', this.file, '-days', '2', '-subj', `/CN=${name}`],
    ]);
    this.certificate = readFileSync(this.file, 'utf8');
  }

  path(name: string): string {
    return path.join(this.directory, name);
  }

  /** A certificate for these names, the first being the common name too. */
  issue(
    file: string,
    names: readonly string[],
    { kind = 'ec', days = 2 }: { kind?: 'ec' | 'rsa'; days?: number } = {},
  ): Issued {
    const [key, request, extensions, out] = ['key', 'csr', 'ext', 'crt'].map((suffix) =>
      this.path(`${this.#serial}.${suffix}`),
    ) as [string, string, string, string];
    const algorithm =
      kind === 'ec'
        ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
        : ['rsa', '-pkeyopt', 'rsa_keygen_bits:2048'];
    openssl([
      ...['req', '-new', '-newkey', ...algorithm, '-nodes', '-keyout', key, '-out', request],
      ...['-subj', `/CN=${names[0]}`],
    ]);
    writeFileSync(extensions, `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`);
    openssl([
      ...['x509', '-req', '-in', request, '-CA', this.file, '-CAkey', this.#key, '-out', out],
      ...['-days', String(days), '-set_serial', String(this.#serial++), '-extfile', extensions],
    ]);
    const issued = { key: readFileSync(key, 'utf8'), certificate: readFileSync(out, 'utf8') };
    writeFileSync(this.path(file), issued.key + issued.certificate);
    return { ...issued, file: this.path(file) };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
