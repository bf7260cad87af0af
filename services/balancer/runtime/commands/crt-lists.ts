import type { CertificateStore } from '../../tls/certificate-store.ts';
import { ListEditor } from '../../tls/list-editor.ts';
import type { Call, CommandTable } from '../command.ts';
import type { RuntimeHost } from '../host.ts';
import { data, failure, notice, type Reply } from '../reply.ts';
import { attempt, storeOf } from './certificates.ts';

const editors = new WeakMap<CertificateStore, ListEditor>();

function editorOf(host: RuntimeHost): ListEditor {
  const store = storeOf(host);
  let editor = editors.get(store);
  if (!editor) {
    editor = new ListEditor(store);
    editors.set(store, editor);
  }
  return editor;
}

const bare = (path: string): string => path.replace(/\/+$/, '');

function show({ host, word }: Call): Reply {
  const numbered = word(0) === '-n';
  const list = bare(word(numbered ? 1 : 0));
  const editor = editorOf(host);
  if (list === '') {
    if (numbered) return failure("'show ssl crt-list -n' expects a filename or a directory");
    return data(editor.names.map((name) => `${name}\n`).join(''));
  }
  const lines = editor.linesOf(list);
  if (!lines) return failure("didn't find the specified filename");
  const shown = lines.map(
    ({ file, line, text }) => `${file}${numbered ? `:${line}` : ''}${text}\n`,
  );
  return data(`# ${list}\n${shown.join('')}`);
}

function add({ host, word, payload }: Call): Reply {
  const list = bare(word(0));
  const line = payload?.replace(/\n$/, '') ?? word(1);
  if (list === '' || line === '') {
    return failure("'add ssl crtlist' expects a filename and a certificate name");
  }
  if (line.includes('\n')) {
    return failure("Can't edit the crt-list: only one line of payload is supported!");
  }
  const added = attempt(() => editorOf(host).add(list, line));
  if (typeof added === 'string') return failure(`Can't edit the crt-list: ${added}`);
  const dots = '.'.repeat(added.uses);
  return data(`Inserting certificate '${added.file}' in crt-list '${list}'${dots}\nSuccess!\n`);
}

function remove({ host, word }: Call): Reply {
  const [list, what] = [bare(word(0)), word(1)];
  if (list === '' || what === '') {
    return failure("'del ssl crtlist' expects a filename and a certificate name");
  }
  let file = '';
  const fault = attempt(() => {
    file = editorOf(host).delete(list, what);
    return undefined;
  });
  if (fault !== undefined) return failure(`Can't delete the entry: ${fault}`);
  return notice(`Entry '${file}' deleted in crtlist '${list}'!`);
}

/** Lists of certificates at run time (management guide, section 9.3). */
export const CRT_LIST_COMMANDS: CommandTable = [
  {
    name: 'show ssl crt-list',
    usage: 'show ssl crt-list [-n] [<list>]',
    summary: 'show the list of crt-lists or the content of a crt-list file <list>',
    level: 'admin',
    run: show,
  },
  {
    name: 'add ssl crt-list',
    workers: 'each',
    usage: 'add ssl crt-list <list> <cert> [opts]*',
    summary: 'add to crt-list file <list> a line <cert> or a payload',
    level: 'admin',
    run: add,
  },
  {
    name: 'del ssl crt-list',
    workers: 'each',
    usage: 'del ssl crt-list <list> <cert[:line]>',
    summary: 'delete a line <cert> from crt-list file <list>',
    level: 'admin',
    run: remove,
  },
];
