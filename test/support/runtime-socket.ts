import net from 'node:net';

/** Sends lines to a runtime socket, a path or a port of ours, and returns all that comes back until it closes. */
export async function askRuntime(where: string | number, lines: string): Promise<string> {
  const socket = typeof where === 'number' ? net.connect(where, '127.0.0.1') : net.connect(where);
  socket.setEncoding('utf8');
  socket.end(`${lines}\n`);
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

/** The rows of `show stat`, by `proxy/server`. */
export async function statRows(path: string): Promise<Map<string, Record<string, string>>> {
  const [header = '', ...lines] = (await askRuntime(path, 'show stat')).split('\n');
  const names = header.slice(2).split(',');
  return new Map(
    lines
      .filter((line) => line.includes(','))
      .map((line) => {
        const cells = line.split(',');
        const row = Object.fromEntries(names.map((name, at) => [name, cells[at] ?? '']));
        return [`${row.pxname}/${row.svname}`, row];
      }),
  );
}
