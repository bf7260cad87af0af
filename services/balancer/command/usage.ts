import { readFileSync } from 'node:fs';

/** The version of the whole project, from its package.json. */
export function version(): string {
  const file = new URL('../../../package.json', import.meta.url);
  try {
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : 'unknown';
  } catch {
    // An installed bundle stands alone and is told its version when it is built.
    return process.env.BRAMBLE_VERSION ?? 'unknown';
  }
}

export function versionText(long: boolean): string {
  const first = `Bramble balancer version ${version()} (configuration language: HAProxy 2.6)\n`;
  if (!long) return first;
  const { node, v8, uv, openssl } = process.versions;
  return (
    `${first}Running on: Node ${node} (V8 ${v8}, libuv ${uv}, OpenSSL ${openssl}), ` +
    `${process.platform} ${process.arch}\n`
  );
}

export const USAGE = `Usage : bramble-balancer [-f <cfgfile|cfgdir>]* [ -vdVDcq ] [ -n <maxconn> ]
        [ -N <maxpconn> ] [ -p <pidfile> ] [ -C <dir> ] [-- <cfgfile>*]
        -v displays version ; -vv shows what it runs on.
        -f reads a file, or a directory's *.cfg files in order ; may be repeated.
        -c check mode : only check config files and exit
        -cc check condition : evaluate a condition and exit
        -d stays in the foreground and says more ; -db only stays in the foreground.
        -dW fails if any warning is emitted
        -V enters verbose mode
        -q quiet mode : don't display messages
        -D goes daemon ; -C changes to <dir> before loading files.
        -p writes the pid of the daemon to this file
        -n sets the maximum total # of connections
        -N sets the default, per-proxy maximum # of connections
        -L set local peer name (default to hostname)
        -W master-worker mode : SIGUSR2 reloads, in one process ; -Ws tells systemd, too.
        -S <bind>[,<option>]* opens a runtime socket of level admin
        -x <unix_socket> shares the ports with the process that listens there
        -sf/-st [pid ]* finishes/terminates old pids once this process can take over.
`;
