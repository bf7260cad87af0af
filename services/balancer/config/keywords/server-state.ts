import { type KeywordTable, onlyArguments } from '../keyword.ts';
import type { ProxyKeyword } from './proxy.ts';

const FROM = ['global', 'local', 'none'] as const;

/** Keywords on what a former process knew of the servers: manual, section 4.2. */
export const SERVER_STATE_KEYWORDS: KeywordTable<ProxyKeyword> = {
  'load-server-state-from-file': {
    usage: 'global | local | none',
    summary: 'start with the server states of a file',
    sections: ['defaults', 'listen', 'backend'],
    misplaced: 'warning',
    parse: (draft, statement, context) => {
      const from = FROM.find((one) => one === statement.word(1));
      if (!from) {
        const message = `'load-server-state-from-file' expects 'global', 'local' or 'none'. Got '${statement.word(1)}'`;
        return context.problems.alert(statement.at(1), message);
      }
      if (!onlyArguments(statement, 1, context)) return;
      draft.settings.stateFrom = from === 'none' ? undefined : from;
    },
  },
  'server-state-file-name': {
    usage: '[ use-backend-name | <file> ]',
    summary: 'file of `load-server-state-from-file local` (default: the name of the backend)',
    sections: ['defaults', 'listen', 'backend'],
    misplaced: 'warning',
    parse: (draft, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const file = statement.word(1);
      draft.settings.stateFileName = file === '' || file === 'use-backend-name' ? undefined : file;
    },
  },
};
