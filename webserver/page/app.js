// The frame: list of topics beside the one that is shown. The address after # says which.

import { html, render, useEffect, useState } from './vendor/preact.js';
import { call, compact } from './api.js';
import { Again, NewTopic } from './form.js';
import { State, TopicPage } from './topic.js';

const LOOK_MS = 3000;
const CONNECTION = {
  idle: ['connected', 'good'],
  live: ['live', 'good'],
  connecting: ['connecting …', 'wait'],
  lost: ['connection lost, trying again …', 'bad'],
};

// What cannot be decoded is taken as it stands: there is no such topic, and the server says so.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function route() {
  const [, kind, id] = location.hash.split('/');
  if (kind === 'new') return { kind };
  if ((kind === 'resume' || kind === 'fresh') && id) return { kind: 'again', mode: kind, id: decoded(id) };
  return kind === 't' && id ? { kind, id: decoded(id) } : { kind: 'list' };
}

// What the server wants known, for example that nobody leads. One that is not ready says so elsewhere.
const warnings = () => fetch('/health/ready').then(answer => answer.json()).then(health => health.warnings ?? [], () => []);

async function everyTopic() {
  const topics = [];
  let after = '';
  do {
    const page = await call('GET', `/topics?limit=500${after}`);
    topics.push(...page.items);
    after = page.next_after ? `&after=${encodeURIComponent(page.next_after)}` : '';
  } while (after);
  return topics;
}

const address = topic => `#/t/${encodeURIComponent(topic.id)}`;
const rank = { running: 0, starting: 0, ending: 1, ended: 2 };
const order = (a, b) => rank[a.state] - rank[b.state] || b.started_at.localeCompare(a.started_at);

function Topics({ topics, current }) {
  return html`<nav class="topics" aria-label="Topics">
    <a class="button primary" href="#/new" aria-current=${current === 'new' ? 'page' : undefined}>New topic</a>
    ${topics && topics.length === 0 && html`<p class="hint">Nothing here yet.</p>`}
    <ul>${(topics ?? []).slice().sort(order).map(topic => html`<li key=${topic.id}>
      <a href=${address(topic)} aria-current=${current === topic.id ? 'page' : undefined}>
        <bdi class="name" title=${topic.name}>${topic.name}</bdi>
        <span class="line"><${State} topic=${topic} /><span class="number">${compact(topic.numbers.attributes)}</span></span>
      </a>
    </li>`)}</ul>
  </nav>`;
}

function Welcome({ topics }) {
  const total = topics?.reduce((sum, topic) => sum + topic.numbers.attributes, 0);
  const text = topics === null ? 'Loading …'
    : topics.length ? `${topics.length} ${topics.length === 1 ? 'topic' : 'topics'}, ${compact(total)} items. Choose one, or start another.`
      : 'Name something you want a complete list of, and watch it grow.';
  return html`<div class="welcome"><h1>What shall be listed?</h1><p class="muted">${text}</p><a class="button primary" href="#/new">New topic</a></div>`;
}

function App() {
  const [at, setAt] = useState(route());
  const [topics, setTopics] = useState(null);
  const [stream, setStream] = useState('idle');
  const [offline, setOffline] = useState(false);
  const [warned, setWarned] = useState([]);

  useEffect(() => {
    const moved = () => {
      setAt(route());
      document.getElementById('main')?.focus();
    };
    addEventListener('hashchange', moved);
    let timer = null;
    const look = async () => {
      clearTimeout(timer);
      if (!document.hidden) {
        await everyTopic().then(found => { setTopics(found); setOffline(false); }, () => setOffline(true));
        const found = await warnings();
        // The same list again is no reason to draw.
        setWarned(known => (known.join() === found.join() ? known : found));
      }
      timer = setTimeout(look, LOOK_MS);
    };
    document.addEventListener('visibilitychange', look);
    look();
  }, []);
  useEffect(() => {
    if (at.kind !== 't') document.title = 'igentai';
  }, [at.kind]);

  const changed = view => setTopics(known => (known ?? []).filter(topic => topic.id !== view.id).concat(view));
  const started = view => {
    changed(view);
    location.hash = address(view);
  };
  const providers = [...new Set((topics ?? []).flatMap(topic => Object.keys(topic.numbers.providers)))].sort();
  const [text, tone] = CONNECTION[offline && stream !== 'live' ? 'lost' : stream];
  const shown = at.id ?? at.kind;
  return html`<a class="skip" href="#main" onClick=${e => { e.preventDefault(); document.getElementById('main').focus(); }}>To the content</a>
    <header class="top">
      <a class="brand" href="#/"><img src="/page/icon.svg" alt="" width="22" height="22" />igentai</a>
      <span class="grow"></span>
      <a class="muted small" href="/api/v1/openapi.json">API</a>
      <span class=${`connection ${tone}`} role="status">${text}</span>
    </header>
    <div class="notices" role="status">${warned.map(text => html`<p class="banner bad" key=${text}>${text}</p>`)}</div>
    <div class=${`frame at-${at.kind === 'again' ? 'new' : at.kind}`}>
      <${Topics} topics=${topics} current=${shown} />
      <main id="main" tabindex="-1">
        ${at.kind === 't' && html`<a class="back" href="#/">← All topics</a><${TopicPage} key=${at.id} id=${at.id} connection=${setStream} changed=${changed} warned=${warned} />`}
        ${at.kind === 'again' && html`<a class="back" href=${address(at)}>← Back</a><${Again} key=${`${at.mode} ${at.id}`} id=${at.id} mode=${at.mode} providers=${providers} started=${started} />`}
        ${at.kind === 'new' && html`<${NewTopic} providers=${providers} started=${started} />`}
        ${at.kind === 'list' && html`<${Welcome} topics=${topics} />`}
      </main>
    </div>`;
}

const root = document.getElementById('app');
root.replaceChildren();
render(html`<${App} />`, root);
