// How far each part of a topic is.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { call, compact, count, percent, topicPath } from './api.js';

const PAUSE_MS = 3000;
const STATES = { unasked: 'not asked', open: 'open', listed: 'listed', given_up: 'given up' };

const share = of => (of === undefined ? '–' : percent(of, 1));
const complete = said => (!said || said.at_least ? '–' : percent(said.completeness, 1));
const least = said => Math.floor(Math.max(said.low, said.completeness * said.total));
const total = said => (!said || (said.at_least && least(said) < 1) ? '–' : said.at_least ? `at least ${count(least(said))}` : `${count(Math.floor(said.low))}–${count(Math.ceil(said.high))}`);
const brought = of => `${of.new_per_answer === undefined ? '–' : of.new_per_answer.toFixed(1)} new in each of ${count(of.answers)} answer${of.answers === 1 ? '' : 's'}`;

function Effect({ told }) {
  const { whole, aimed } = told;
  return html`<p class="muted card-note">About the whole ${brought(whole)}, about parts ${brought(aimed)}${aimed.fitting === undefined ? '' : `; ${percent(aimed.fitting, 1)} of what these name is in its part`}.
    ${told.left_out > 0 && ` Of ${count(told.left_out)} items that questions said to leave out, ${count(told.left_out_and_given)} were given all the same.`}</p>`;
}

// `version` changes whenever there may be others.
export function Parts({ id, version }) {
  const [told, setTold] = useState(null);
  const state = useRef({ read: 0 });
  useEffect(() => {
    let gone = false;
    const read = () => {
      state.current.read = Date.now();
      call('GET', `${topicPath(id)}/parts`).then(found => !gone && setTold(found), () => {});
    };
    const timer = setTimeout(read, Math.max(0, state.current.read + PAUSE_MS - Date.now()));
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id, version]);
  if (!told?.parts.length) return null;
  return html`<section class="card table" aria-label="How far its parts are">
    <header class="card-head"><h2>How far its parts are</h2></header>
    <${Effect} told=${told} />
    <div class="sideways tall" tabindex="0" role="region" aria-label="How far its parts are, table"><table>
      <thead><tr><th scope="col">Part</th><th scope="col" class="left">State</th><th scope="col">Found</th><th scope="col">Of about</th><th scope="col">Complete</th><th scope="col">Coverage</th><th scope="col">Answers</th><th scope="col" class="left">Listed by</th></tr></thead>
      <tbody>${told.parts.map(part => html`<tr key=${part.cell}><th scope="row"><bdi>${part.cell}</bdi></th>
        <td class="left"><span class=${`state ${part.state}`}>${STATES[part.state]}</span></td>
        <td>${compact(part.found)}</td><td>${total(part.completeness)}</td><td>${complete(part.completeness)}</td><td>${share(part.coverage)}</td><td>${compact(part.answers)}</td>
        <td class="left"><bdi>${part.listed_by.join(', ') || '–'}</bdi></td></tr>`)}</tbody>
    </table></div>
  </section>`;
}
