// What was decided for a topic, and why: the newest decisions.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { call, count, topicPath } from './api.js';

const SHOWN = 12;
const MORE = 100;
const PAUSE_MS = 2000;

const time = ms => new Date(ms).toLocaleTimeString([], { hour12: false });

// `version` changes whenever there may be new ones.
export function Decisions({ id, version }) {
  const [page, setPage] = useState(null);
  const [all, setAll] = useState(false);
  const state = useRef({ timer: null, read: 0 });
  useEffect(() => {
    let gone = false;
    const read = () => {
      state.current.timer = null;
      state.current.read = Date.now();
      call('GET', `${topicPath(id)}/decisions?limit=${all ? MORE : SHOWN}`).then(found => !gone && setPage(found), () => {});
    };
    state.current.timer = setTimeout(read, Math.max(0, state.current.read + PAUSE_MS - Date.now()));
    return () => {
      gone = true;
      clearTimeout(state.current.timer);
    };
  }, [id, version, all]);
  if (!page?.total) return null;
  const more = page.total > SHOWN;
  return html`<section class="card decisions" aria-label="Decisions">
    <header class="card-head"><h2>Decisions</h2><span class="note">${count(page.total)}, the newest first</span></header>
    <ol>${page.decisions.map(decision => html`<li key=${decision.number} class=${decision.kind}>
      <time datetime=${new Date(decision.at_ms).toISOString()}>${time(decision.at_ms)}</time><bdi>${decision.text}</bdi>
    </li>`)}</ol>
    ${more && html`<button type="button" class="quiet" onClick=${() => setAll(!all)}>${all ? 'Show fewer' : `Show the last ${Math.min(MORE, page.total)}`}</button>`}
  </section>`;
}
