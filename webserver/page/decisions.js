// What was decided for a topic, and why: the newest decisions.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { call, count, topicPath } from './api.js';

const SHOWN = 12;
const MORE = 100;
const PAUSE_MS = 2000;

const KINDS = [
  ['', 'of every kind'],
  ['asked', 'what is asked for'],
  ['routed', 'shares of providers'],
  ['worded', 'ways to ask'],
  ['cared', 'providers left alone'],
  ['terms', 'what the next go by'],
  ['measured', 'what came of others'],
  ['dropped', 'waited for no more'],
  ['changed', 'changed by the operator'],
  ['ending', 'the end'],
  ['taken_up', 'taken up by a leader'],
];

const time = ms => new Date(ms).toLocaleTimeString([], { hour12: false });

// What is asked for changes with every answer; the rest is told of by an event. `version` changes whenever there may be new ones, `decided` whenever there are
// others than those.
export function Decisions({ id, version, decided }) {
  const [page, setPage] = useState(null);
  const [all, setAll] = useState(false);
  const [kind, setKind] = useState('');
  const state = useRef({ timer: null, read: 0 });
  useEffect(() => {
    let gone = false;
    const read = () => {
      state.current.timer = null;
      state.current.read = Date.now();
      call('GET', `${topicPath(id)}/decisions?limit=${all ? MORE : SHOWN}${kind && `&kind=${kind}`}`).then(found => !gone && setPage(found), () => {});
    };
    state.current.timer = setTimeout(read, Math.max(0, state.current.read + PAUSE_MS - Date.now()));
    return () => {
      gone = true;
      clearTimeout(state.current.timer);
    };
  }, [id, kind === '' || kind === 'asked' ? version : decided, all, kind]);
  if (!page?.total) return null;
  const more = all || (kind ? page.next_before !== undefined && page.decisions.length === SHOWN : page.total > SHOWN);
  return html`<section class="card decisions" aria-label="Decisions">
    <header class="card-head"><h2>Decisions</h2><span class="note">${count(page.total)}, the newest first</span>
      <select aria-label="Decisions shown" value=${kind} onChange=${event => setKind(event.target.value)}>${KINDS.map(([name, label]) => html`<option value=${name}>${label}</option>`)}</select></header>
    ${page.decisions.length === 0 && html`<p class="empty">None of the newest is of this kind.</p>`}
    <ol>${page.decisions.map(decision => html`<li key=${decision.number} class=${decision.kind}>
      <time datetime=${new Date(decision.at_ms).toISOString()}>${time(decision.at_ms)}</time><bdi>${decision.text}</bdi>
    </li>`)}</ol>
    ${more && html`<button type="button" class="quiet" onClick=${() => setAll(!all)}>${all ? 'Show fewer' : `Show the last ${kind ? MORE : Math.min(MORE, page.total)}`}</button>`}
  </section>`;
}
