// Keeps the page live: one event stream whose messages name elements and their new markup. The
// markup is made by the server, which escapes all that is not its own.

/** A server that is full or gone is asked again after this many milliseconds. */
const RETRY = 5000;

const { body } = document;
const link = document.getElementById('link');
let last = body.dataset.id;
let source;
let timer;

function say(text) {
  link.textContent = text;
  link.hidden = text === '';
}

function patch(event) {
  const { title, set } = JSON.parse(event.data);
  last = event.lastEventId || last;
  if (title !== undefined) document.title = title;
  for (const [id, markup] of Object.entries(set)) {
    const element = document.getElementById(id);
    if (element) element.outerHTML = markup;
  }
}

function open() {
  clearTimeout(timer);
  source?.close();
  source = new EventSource(`/events?from=${last}&version=${body.dataset.version}`);
  source.addEventListener('open', () => say(''));
  source.addEventListener('patch', patch);
  source.addEventListener('reload', () => location.reload());
  source.addEventListener('error', () => {
    say('Not live: the figures below are the last ones received. Trying again.');
    if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, RETRY);
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
