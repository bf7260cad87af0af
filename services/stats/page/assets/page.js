// Keeps the page live: one event stream whose messages name elements and their new markup. The
// markup is made by the server, which escapes all that is not its own.

/** The server speaks every second; after this silence the line is dead, milliseconds. */
const SILENCE = 10_000;
/** A server that is full or gone is asked again after this many milliseconds. */
const RETRY = 5000;
/** Nodes of two releases may serve the page by turns during an upgrade: not more often than this. */
const RELOAD = 60_000;

const { body } = document;
const link = document.getElementById('link');
let last = body.dataset.id;
let source;
let timer;

function say(text) {
  link.textContent = text;
  link.hidden = text === '';
}

function lost() {
  say('Not live: the figures below are the last ones received. Trying again.');
}

function heard() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    lost();
    open();
  }, SILENCE);
}

function patch(event) {
  heard();
  const { title, set } = JSON.parse(event.data);
  last = event.lastEventId || last;
  if (title !== undefined) document.title = title;
  for (const [id, markup] of Object.entries(set)) {
    const element = document.getElementById(id);
    if (element) element.outerHTML = markup;
  }
}

function reload() {
  if (Date.now() - Number(sessionStorage.getItem('reloaded')) < RELOAD) return;
  sessionStorage.setItem('reloaded', String(Date.now()));
  location.reload();
}

function open() {
  clearTimeout(timer);
  source?.close();
  source = new EventSource(`/events?from=${last}&version=${body.dataset.version}`);
  heard();
  source.addEventListener('open', () => say(''));
  source.addEventListener('patch', patch);
  source.addEventListener('reload', reload);
  source.addEventListener('error', () => {
    lost();
    if (source.readyState !== EventSource.CLOSED) return;
    clearTimeout(timer);
    timer = setTimeout(open, RETRY);
  });
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = undefined;
}

// A tab that nobody sees costs the cluster nothing.
document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
window.addEventListener('pagehide', close);
window.addEventListener('pageshow', (event) => event.persisted && open());
if (!document.hidden) open();
