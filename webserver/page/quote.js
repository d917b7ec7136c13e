// What the next items cost, or why nobody can say.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { Refused, call, count, isMissing, isOffline, span, topicPath, usd } from './api.js';

const PAUSE_MS = 2000;

const next = items => (items === 1 ? 'The next item:' : `The next ${count(items)} items:`);

const about = quote => [
  quote.usd.high ? `about ${usd(quote.usd.about)} (${usd(quote.usd.low)} to ${usd(quote.usd.high)})` : '$0',
  `${quote.requests.about} request${quote.requests.about === 1 ? '' : 's'}`,
  quote.seconds && span(1000 * quote.seconds.about),
].filter(Boolean).join(', ');

// `version` changes whenever there may be another one.
export function Quote({ id, version }) {
  const [said, setSaid] = useState(null);
  const state = useRef({ read: 0 });
  useEffect(() => {
    let gone = false;
    const told = (what, text) => !gone && setSaid({ what, text });
    const read = () => {
      state.current.read = Date.now();
      call('GET', `${topicPath(id)}/quote`).then(quote => told(next(quote.items), about(quote)), error => {
        if (!(error instanceof Refused)) throw error;
        if (!isOffline(error) && !isMissing(error)) told('The next items:', `no quote: ${error.message}`);
      });
    };
    const timer = setTimeout(read, Math.max(0, state.current.read + PAUSE_MS - Date.now()));
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id, version]);
  return said && html`<p class="quote muted"><span>${said.what}</span> ${said.text}</p>`;
}
