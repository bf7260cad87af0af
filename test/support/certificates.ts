import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A certificate authority of a test, in a folder of its own, made by openssl(1). */
export class Authority {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'bramble-ca-'));

  constructor(name = 'test authority') {
    const subject = ['-subj', `/CN=${name}`];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    this.#run(
      'req',
      '-x509',
      ...key,
      '-days',
      '2',
      ...subject,
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
    );
    writeFileSync(this.file('index.txt'), '');
    writeFileSync(this.file('crlnumber'), '01\n');
    writeFileSync(
      this.file('ca.conf'),
      '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=2\n',
    );
  }

  file(name: string): string {
    return path.join(this.directory, name);
  }

  pem(name: string): Buffer {
    return readFileSync(this.file(name));
  }

  /** Makes `name.crt` and `name.key`; `san` as openssl writes it (`DNS:a,IP:1.2.3.4`). */
  issue(name: string, { cn = name, san = '', days = 2 } = {}): { cert: Buffer; key: Buffer } {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const csr = ['-keyout', `${name}.key`, '-out', `${name}.csr`];
    this.#run('req', ...key, '-subj', cn === '' ? '/O=nameless' : `/CN=${cn}`, ...csr);
    writeFileSync(this.file('ext'), san === '' ? '' : `subjectAltName=${san}\n`);
    const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'ext'];
    const out = ['-out', `${name}.crt`, '-days', String(days)];
    this.#run('x509', '-req', '-in', `${name}.csr`, ...signer, ...out);
    return { cert: this.pem(`${name}.crt`), key: this.pem(`${name}.key`) };
  }

  /** Revokes certificates and writes `ca.crl`. */
  revoke(...names: string[]): void {
    const ca = ['-config', 'ca.conf', '-cert', 'ca.crt', '-keyfile', 'ca.key'];
    for (const name of names) this.#run('ca', ...ca, '-revoke', `${name}.crt`);
    this.#run('ca', ...ca, '-gencrl', '-out', 'ca.crl');
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #run(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.directory, stdio: 'pipe' });
  }
}
