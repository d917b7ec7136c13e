// The items of a topic: all of them in memory, some dozens of them in the document.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from './vendor/preact.js';
import { count } from './api.js';

const ROW = 30;
const MARGIN = 12;
const plain = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

// Items by number. Item n stands at n - 1.
export class Items {
  constructor() {
    this.clear();
  }

  clear() {
    this.texts = [];
    this.plain = [];
  }

  add(first, texts) {
    const known = this.texts.length - (first - 1);
    for (const text of known > 0 ? texts.slice(known) : texts) {
      this.texts.push(text);
      this.plain.push(plain(text));
    }
  }

  matching(words, length) {
    const found = [];
    for (let i = 0; i < length; i += 1) if (this.plain[i].includes(words)) found.push(i);
    return found;
  }
}

export function Feed({ items, length, loading }) {
  const [search, setSearch] = useState('');
  const [held, setHeld] = useState(null);
  const [paused, setPaused] = useState(false);
  const [view, setView] = useState({ top: 0, height: 480 });
  const box = useRef();

  // A new run has fewer items than were held.
  const shown = held === null || held > length ? length : held;
  const words = plain(search.trim());
  const found = useMemo(() => (words ? items.matching(words, shown) : null), [items, words, shown]);
  const total = found ? found.length : shown;

  const hold = on => {
    setPaused(on);
    setHeld(on ? length : null);
    if (!on) box.current.scrollTop = 0;
  };
  const scrolled = () => {
    const { scrollTop, clientHeight } = box.current;
    setView({ top: scrollTop, height: clientHeight });
    // Whoever reads further down must not have the lines pushed away.
    if (scrollTop > ROW && held === null) setHeld(length);
    if (scrollTop <= 2 && held !== null && !paused) setHeld(null);
  };
  useLayoutEffect(() => {
    const watch = new ResizeObserver(() => setView(v => ({ ...v, height: box.current.clientHeight })));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    box.current.scrollTop = 0;
  }, [words]);

  const from = Math.max(0, Math.floor(view.top / ROW) - MARGIN);
  const to = Math.min(total, Math.ceil((view.top + view.height) / ROW) + MARGIN);
  const rows = [];
  for (let place = from; place < to; place += 1) {
    const index = found ? found[total - 1 - place] : total - 1 - place;
    rows.push(html`<li key=${index} class="item" style=${{ top: `${place * ROW}px` }} aria-setsize=${total} aria-posinset=${place + 1}>
      <span class="seq">${count(index + 1)}</span><bdi class="text" title=${items.texts[index]}>${items.texts[index]}</bdi>
    </li>`);
  }
  const fresh = length - shown;

  return html`<section class="card feed" aria-labelledby="feed-title">
    <header class="card-head">
      <h2 id="feed-title">Items</h2>
      <span class="muted small">${words ? `${count(total)} of ${count(shown)}` : 'newest first'}</span>
      <span class="grow"></span>
      <input type="search" placeholder="Search" aria-label="Search items" value=${search} onInput=${e => setSearch(e.target.value)} />
      <button class="quiet" aria-pressed=${paused} onClick=${() => hold(!paused)}>${paused ? 'Continue' : 'Pause'}</button>
    </header>
    <div class="scroll" ref=${box} onScroll=${scrolled} tabindex="0" role="region" aria-label="List of items">
      ${total === 0 && html`<p class="empty">${words ? 'Nothing matches.' : loading ? 'Loading …' : 'No items yet. They appear here as models name them.'}</p>`}
      <ol class="items" style=${{ height: `${total * ROW}px` }}>${rows}</ol>
    </div>
    ${fresh > 0 && html`<button class="fresh" onClick=${() => hold(false)}>${count(fresh)} new ↑</button>`}
  </section>`;
}
