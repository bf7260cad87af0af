import { once } from 'node:events';
import { chmodSync, chownSync, renameSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import type { BindConfig } from '../model.ts';
import { isLocalPath } from '../tcp/endpoint.ts';
import { heldByAnother } from '../tcp/handle.ts';

/** The kernel's own limit by default. */
const BACKLOG = 4096;

/** A listening socket, and how its place is tidied up. */
export interface OpenSocket {
  readonly server: net.Server;
  /** Removes the file of a unix socket, unless another process has put its own there. */
  readonly forget: () => void;
}

/**
 * Takes a bind's address. A port is shared with a process that is about to go (`takeover`), else a
 * port that another holds is an error (EADDRINUSE), though the kernel would let it be shared.
 */
export async function openSocket(bind: BindConfig, takeover: boolean): Promise<OpenSocket> {
  const { host, port, fd, backlog = BACKLOG } = bind;
  const server = net.createServer({ allowHalfOpen: true });
  let forget = (): void => undefined;
  let file: string | undefined;
  if (fd !== undefined) {
    server.listen({ fd });
  } else if (host.startsWith('/')) {
    // Under another name first: who connects to the path finds the old socket or the new one.
    file = `${host}.${process.pid}.tmp`;
    rmSync(file, { force: true });
    server.listen({ path: file, backlog });
  } else if (isLocalPath(host)) {
    server.listen({ path: host, backlog });
  } else {
    const address = host === '' ? '0.0.0.0' : host;
    if (!takeover && heldByAnother(address, port)) {
      throw Object.assign(new Error('address in use'), { code: 'EADDRINUSE' });
    }
    const { ipv6Only = false } = bind;
    server.listen({ host: address, port, backlog, reusePort: true, ipv6Only });
  }
  await once(server, 'listening');
  if (file !== undefined) {
    const { mode, uid, gid } = bind.owner ?? {};
    if (mode !== undefined) chmodSync(file, mode);
    if (uid !== undefined || gid !== undefined) chownSync(file, uid ?? -1, gid ?? -1);
    renameSync(file, host);
    const { ino } = statSync(host);
    forget = () => {
      if (statSync(host, { throwIfNoEntry: false })?.ino === ino) rmSync(host, { force: true });
    };
  }
  return { server, forget };
}
