// What the next items cost, or why nobody can say.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { Refused, call, isMissing, isOffline, span, topicPath, usd } from './api.js';

const ITEMS = 100;
const PAUSE_MS = 2000;

const about = quote => [
  quote.usd.high ? `about ${usd(quote.usd.about)} (${usd(quote.usd.low)} to ${usd(quote.usd.high)})` : '$0',
  `${quote.requests.about} request${quote.requests.about === 1 ? '' : 's'}`,
  quote.seconds && span(1000 * quote.seconds.about),
].filter(Boolean).join(', ');

// `version` changes whenever there may be another one.
export function Quote({ id, version }) {
  const [text, setText] = useState(null);
  const state = useRef({ read: 0 });
  useEffect(() => {
    let gone = false;
    const told = said => !gone && setText(said);
    const read = () => {
      state.current.read = Date.now();
      call('GET', `${topicPath(id)}/quote?items=${ITEMS}`).then(quote => told(about(quote)), error => {
        if (!(error instanceof Refused)) throw error;
        if (!isOffline(error) && !isMissing(error)) told(`no quote: ${error.message}`);
      });
    };
    const timer = setTimeout(read, Math.max(0, state.current.read + PAUSE_MS - Date.now()));
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id, version]);
  return text && html`<p class="quote muted"><span>The next ${ITEMS} items:</span> ${text}</p>`;
}
