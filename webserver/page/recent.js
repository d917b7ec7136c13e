// The last minutes: what was asked and came back, where that is going, and what came of decisions.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { call, compact, count, percent, topicPath, usd } from './api.js';

const PAUSE_MS = 3000;
const KINDS = [['providers', 'Provider'], ['producers', 'Producer'], ['cells', 'Part']];
const ARROWS = { rising: ['↑', 'rising'], falling: ['↓', 'falling'], steady: ['→', 'steady'] };

function Trend({ of }) {
  if (!of) return null;
  const [arrow, word] = ARROWS[of];
  return html`<span class="trend" title=${word}><span aria-hidden="true">${arrow}</span><span class="unseen">${word}</span></span>`;
}

const share = part => (part === undefined ? '–' : percent(part, 1));

function Row({ name, flow, trends }) {
  const { sums } = flow;
  return html`<tr><th scope="row"><bdi>${name}</bdi></th>
    <td>${compact(sums.requests)}</td>
    <td class=${sums.failed_responses ? 'warn' : ''}>${share(flow.answered)} <${Trend} of=${trends?.answered} /></td>
    <td>${compact(sums.attributes)}</td>
    <td>${flow.new_per_answer === undefined ? '–' : flow.new_per_answer.toFixed(1)} <${Trend} of=${trends?.new_per_answer} /></td>
    <td>${flow.usd_per_new === undefined ? '–' : usd(1000 * flow.usd_per_new)}</td>
    <td>${flow.seconds_per_answer === undefined ? '–' : `${flow.seconds_per_answer.toFixed(1)} s`} <${Trend} of=${trends?.latency} /></td>
    <td>${share(flow.fitting)}</td><td>${share(flow.of_others)}</td></tr>`;
}

// `version` changes whenever there may be others.
export function Recent({ id, version }) {
  const [told, setTold] = useState(null);
  const [span, setSpan] = useState('short');
  const [kind, setKind] = useState('providers');
  const state = useRef({ read: 0 });
  useEffect(() => {
    let gone = false;
    const read = () => {
      state.current.read = Date.now();
      call('GET', `${topicPath(id)}/statistics`).then(found => !gone && setTold(found), () => {});
    };
    const timer = setTimeout(read, Math.max(0, state.current.read + PAUSE_MS - Date.now()));
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id, version]);
  if (!told?.long.all.sums.requests) return null;
  const window = told[span];
  const choice = (known, value, set, label) => html`<button type="button" class="quiet" aria-pressed=${known === value} onClick=${() => set(value)}>${label}</button>`;
  return html`<section class="card table recent" aria-label="The last minutes">
    <header class="card-head"><h2>The last minutes</h2>
      <span class="choices" role="group" aria-label="How many minutes">${choice(span, 'short', setSpan, '5 min')}${choice(span, 'long', setSpan, '30 min')}</span>
      <span class="choices" role="group" aria-label="By what">${KINDS.map(([key, label]) => choice(kind, key, setKind, label))}</span>
    </header>
    <div class="sideways" tabindex="0" role="region" aria-label="The last minutes, table"><table>
      <thead><tr><th scope="col">${KINDS.find(([key]) => key === kind)[1]}</th><th scope="col">Requests</th><th scope="col">Answered</th><th scope="col">New</th><th scope="col">New an answer</th><th scope="col">Spend for 1,000 new</th><th scope="col">Latency</th><th scope="col">In its part</th><th scope="col">Known to others</th></tr></thead>
      <tbody><${Row} name="All" flow=${window.all} trends=${told.trends} />
        ${window.parts.sums.requests > 0 && window.whole.sums.requests > 0 && html`<${Row} name="about the whole" flow=${window.whole} /><${Row} name="about parts" flow=${window.parts} />`}
        ${Object.keys(window[kind]).map(name => html`<${Row} key=${name} name=${name} flow=${window[kind][name]} trends=${kind === 'providers' ? told.provider_trends[name] : undefined} />`)}</tbody>
    </table></div>
    ${told.measured.length > 0 && html`<details><summary>What came of ${count(told.measured.length)} decision${told.measured.length === 1 ? '' : 's'}</summary>
      <ul>${[...told.measured].reverse().map(one => html`<li key=${one.of}>${one.text}</li>`)}</ul></details>`}
  </section>`;
}
