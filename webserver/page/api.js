// Calls of the API, the event stream, and how numbers are written.

export class Refused extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

export async function call(method, path, body) {
  const options = { method, headers: { accept: 'application/json' } };
  if (body !== undefined) {
    options.headers['content-type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/api/v1${path}`, options);
  } catch {
    throw new Refused({ title: 'offline', status: 0, detail: 'the server cannot be reached', errors: [] });
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Refused({ detail: `the server answered ${response.status}`, status: response.status, errors: [], ...answer });
  }
  return answer;
}

export const topicPath = id => `/topics/${encodeURIComponent(id)}`;

const LONGEST_PAUSE_MS = 15000;

export const isOffline = error => error.problem?.status === 0;
export const isMissing = error => error.problem?.status === 404;

// One topic's events, from its first item. It resumes behind the last event it saw, rests while the page is hidden, and ends with close(), or by
// itself when there is no such topic.
export class Stream {
  constructor(id, handlers) {
    this.id = id;
    this.handlers = handlers;
    this.cursor = null;
    this.pause = 500;
    this.seen = () => (document.hidden ? this.rest() : this.open());
    document.addEventListener('visibilitychange', this.seen);
    this.open();
  }

  open() {
    if (this.source || this.closed) return;
    clearTimeout(this.timer);
    this.handlers.state('connecting');
    const query = new URLSearchParams({ topic: this.id });
    if (this.cursor) query.set('cursor', this.cursor);
    else query.set('after', '0');
    const source = new EventSource(`/api/v1/events?${query}`);
    this.source = source;
    for (const name of ['hello', 'attributes', 'topic', 'decided', 'reset']) {
      source.addEventListener(name, event => {
        this.cursor = event.lastEventId;
        if (name === 'hello') {
          this.pause = 500;
          this.handlers.state('live');
        } else {
          this.handlers[name](JSON.parse(event.data));
        }
      });
    }
    source.onerror = () => {
      this.handlers.state('lost');
      // The browser connects again by itself unless the server answered with an error.
      if (source.readyState !== EventSource.CLOSED) return;
      this.rest();
      // It does not say with which.
      call('GET', topicPath(this.id)).then(() => this.later(), error => (isMissing(error) ? this.missing(error) : this.later()));
    };
  }

  later() {
    if (this.closed || this.source || document.hidden) return;
    this.timer = setTimeout(() => this.open(), this.pause);
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
  }

  missing(error) {
    if (this.closed) return;
    this.close();
    this.handlers.state('idle');
    this.handlers.missing(error);
  }

  rest() {
    clearTimeout(this.timer);
    if (this.source) this.source.close();
    this.source = null;
  }

  close() {
    this.closed = true;
    document.removeEventListener('visibilitychange', this.seen);
    this.rest();
  }
}

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const count = n => whole.format(Math.round(n || 0));
export const compact = n => ((n || 0) < 100000 ? count(n) : short.format(n));
// Rounded down: all is never said while something is missing.
export const percent = (part, of) => (of ? `${(Math.floor(1000 * part / of + 1e-9) / 10).toFixed(part === of ? 0 : 1)} %` : '–');

export function usd(amount) {
  if (!amount) return '$0';
  return amount >= 0.01 ? `$${amount.toFixed(2)}` : `$${amount.toPrecision(2)}`;
}

export function span(ms) {
  if (!(ms >= 0)) return '–';
  const seconds = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h >= 48) return `${Math.floor(h / 24)} d`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min ${s} s` : `${s} s`;
}

export const isLive = topic => topic.state === 'starting' || topic.state === 'running';
