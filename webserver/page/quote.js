// What the next items cost and the next requests bring, or why nobody can say.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { Refused, call, count, isMissing, isOffline, span, topicPath, usd } from './api.js';

const PAUSE_MS = 2000;

const next = items => (items === 1 ? 'The next item:' : `The next ${count(items)} items:`);

const between = (of, low, high) => (low === high ? of(low) : `${of(low)} to ${of(high)}`);

const about = quote => (quote.is_rough ? [
  quote.usd.high ? between(usd, quote.usd.low, quote.usd.high) : '$0',
  between(count, quote.requests.low, quote.requests.high) + ` request${quote.requests.high === 1 ? '' : 's'}`,
  quote.seconds && between(span, 1000 * quote.seconds.low, 1000 * quote.seconds.high),
] : [
  quote.usd.high ? `about ${usd(quote.usd.about)} (${usd(quote.usd.low)} to ${usd(quote.usd.high)})` : '$0',
  `${quote.requests.about} request${quote.requests.about === 1 ? '' : 's'}`,
  quote.seconds && span(1000 * quote.seconds.about),
]).filter(Boolean).join(', ');

// Of so many requests, or of as many as can be told of where these are fewer.
const REQUESTS = 20;

const brings = ({ requests, new_items: { low, about, high }, usd: { about: money } }) => ({
  what: requests.about === 1 ? 'The next request:' : `The next ${count(requests.about)} requests:`,
  text: `about ${count(Math.round(about))} new item${Math.round(about) === 1 ? '' : 's'} (${count(Math.floor(low))}–${count(Math.ceil(high))}), ${money ? usd(money) : '$0'}`,
});

// `version` changes whenever there may be another one.
export function Quote({ id, version }) {
  const [said, setSaid] = useState(null);
  const [brought, setBrought] = useState(null);
  const state = useRef({ read: 0 });
  useEffect(() => {
    let gone = false;
    const told = (what, text) => !gone && setSaid({ what, text });
    const read = () => {
      state.current.read = Date.now();
      call('GET', `${topicPath(id)}/quote`).then(quote => {
        told(next(quote.items), about(quote));
        if (!quote.most_requests) return !gone && setBrought(null);
        const most = Math.min(REQUESTS, quote.most_requests);
        return call('GET', `${topicPath(id)}/quote?requests=${most}`).then(more => !gone && setBrought(brings(more)), () => !gone && setBrought(null));
      }, error => {
        if (!gone) setBrought(null);
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
  const line = one => one && html`<p class="quote muted"><span>${one.what}</span> ${one.text}</p>`;
  return html`${line(said)}${line(brought)}`;
}
