// One topic: numbers, curve, items, tables.

import { html, useEffect, useMemo, useRef, useState } from './vendor/preact.js';
import { Refused, Stream, call, compact, count, isLive, isMissing, isOffline, percent, span, topicPath, usd } from './api.js';
import { Chart, Curve } from './chart.js';
import { Decisions } from './decisions.js';
import { Parts } from './parts.js';
import { Quote } from './quote.js';
import { Recent } from './recent.js';
import { Feed, Items } from './feed.js';

const SPOKEN_MS = 15000;

export function State({ topic }) {
  return html`<span class=${`state ${topic.state}`}>${topic.state}</span>`;
}

function Tile({ label, value, note, of, wide }) {
  const share = of ? Math.min(1, of[0] / of[1]) : null;
  return html`<div class=${`tile ${wide ? 'wide' : ''}`}>
    <dt>${label}</dt>
    <dd>${value}<span class="note">${note}</span></dd>
    ${share !== null && html`<progress max="1" value=${share} aria-label=${`${label}: share of the limit`}></progress>`}
  </div>`;
}

// Coverage is of mentions, completeness of items; early on there is only a lower bound.
const complete = said => (!said ? '–' : said.at_least ? '?' : percent(said.completeness, 1));
const estimate = said => (!said ? '' : said.at_least ? `of at least ${count(Math.floor(Math.max(said.low, said.completeness * said.total)))}` : `of ${count(Math.floor(said.low))}–${count(Math.ceil(said.high))}`);
const BY_WHOM = 'by what these models say';
const spoken = said => (!said ? '' : said.at_least ? `, ${estimate(said)}, ${BY_WHOM}` : `, ${percent(said.completeness, 1)} complete, ${BY_WHOM}`);

function Tiles({ topic, found, now }) {
  const { numbers, limits } = topic;
  const sums = numbers.totals;
  const end = topic.ended_at ? Date.parse(topic.ended_at) : now;
  const running = end - Date.parse(topic.started_at);
  return html`<dl class="tiles">
    <${Tile} wide label="Unique items" value=${count(Math.max(found, numbers.attributes))}
      note=${limits.max_attributes ? `of ${compact(limits.max_attributes)}` : ''} of=${limits.max_attributes && [numbers.attributes, limits.max_attributes]} />
    <${Tile} label="New per minute" note="last minute" value=${count(isLive(topic) ? numbers.attributes_per_minute : 0)} />
    <${Tile} label="Coverage" note=${numbers.probes?.coverage === undefined ? 'estimate' : `probes ${percent(numbers.probes.coverage, 1)}`} value=${numbers.coverage === undefined ? '–' : percent(numbers.coverage, 1)} />
    <${Tile} label="Complete" value=${complete(numbers.completeness)} note=${numbers.completeness ? `${estimate(numbers.completeness)}, ${BY_WHOM}` : ''} />
    <${Tile} label="Duplicates" value=${percent(sums.duplicates, sums.candidates)} note=${compact(sums.duplicates)} />
    <${Tile} label="Spend" value=${usd(sums.usd)} note=${limits.max_usd ? `of ${usd(limits.max_usd)}` : sums.usd_at_risk ? `risk ${usd(sums.usd_at_risk)}` : ''}
      of=${limits.max_usd && [sums.usd + sums.usd_at_risk, limits.max_usd]} />
    <${Tile} label="Requests" value=${compact(sums.requests)} of=${limits.max_requests && [sums.requests + numbers.requests_at_risk, limits.max_requests]}
      note=${`${limits.max_requests ? `of ${compact(limits.max_requests)}, ` : ''}${compact(sums.failed_responses)} failed`} />
    <${Tile} label="Tokens" value=${compact(sums.input_tokens + sums.output_tokens)} note=${`${compact(sums.output_tokens)} out`} />
    <${Tile} label=${topic.ended_at ? 'Ran for' : 'Running for'} value=${span(running)} note=${limits.time_limit_seconds ? `of ${span(limits.time_limit_seconds * 1000)}` : ''}
      of=${limits.time_limit_seconds && [running / 1000, limits.time_limit_seconds]} />
  </dl>`;
}

function Sums({ sums }) {
  return html`<td>${compact(sums.requests)}</td><td class=${sums.failed_responses ? 'warn' : ''}>${compact(sums.failed_responses)}</td>
    <td>${compact(sums.attributes)}</td><td>${percent(sums.duplicates, sums.candidates)}</td><td>${usd(sums.usd)}</td>
    <td>${sums.responses ? `${(sums.latency_ms / sums.responses / 1000).toFixed(1)} s` : '–'}</td>`;
}

function Table({ title, first, rows, extra, more }) {
  const names = Object.keys(rows);
  if (!names.length) return null;
  return html`<section class="card table" aria-label=${title}>
    <header class="card-head"><h2>${title}</h2></header>
    <div class="sideways tall" tabindex="0" role="region" aria-label=${`${title}, table`}><table>
      <thead><tr><th scope="col">${first}</th>${extra && html`<th scope="col" class="left">State</th>`}<th scope="col">Requests</th><th scope="col">Failed</th><th scope="col">New</th><th scope="col">Duplicates</th><th scope="col">Spend</th><th scope="col">Latency</th>${more && html`<th scope="col">${more.label}</th>`}</tr></thead>
      <tbody>${names.map(name => html`<tr key=${name}><th scope="row"><bdi>${name}</bdi>${rows[name].model && html`<span class="model">${rows[name].model}</span>`}</th>
        ${extra && html`<td class="left">${rows[name].state && html`<span class=${`state ${rows[name].state}`}>${rows[name].state}</span>`}${rows[name].share !== undefined && html`<span class="detail">${percent(rows[name].share, 1)} of requests</span>`}${rows[name].detail && html`<span class="detail">${rows[name].detail}</span>`}</td>`}
        <${Sums} sums=${rows[name].sums ?? rows[name]} />${more && html`<td>${more.of(rows[name])}</td>`}</tr>`)}</tbody>
    </table></div>
  </section>`;
}

const WAYS = { plain: 'the question alone', rare: 'what few know, too', exact: 'particular items', broad: 'different kinds' };

function Ways({ all }) {
  if (!all?.some(way => way.answers)) return null;
  return html`<section class="card table" aria-label="Ways to ask">
    <header class="card-head"><h2>Ways to ask</h2></header>
    <div class="sideways" tabindex="0" role="region" aria-label="Ways to ask, table"><table>
      <thead><tr><th scope="col">Way</th><th scope="col" class="left">State</th><th scope="col">Answers</th><th scope="col">New</th><th scope="col">New an answer</th><th scope="col">An answer costs</th></tr></thead>
      <tbody>${all.map(way => html`<tr key=${way.phrasing}><th scope="row">${way.phrasing}<span class="model">${WAYS[way.phrasing]}</span></th>
        <td class="left"><span class=${`state ${way.state}`}>${way.state === 'retired' ? 'used no more' : way.state}</span></td>
        <td>${compact(way.answers)}</td><td>${compact(way.new)}</td><td>${way.answers ? (way.new / way.answers).toFixed(1) : '–'}</td><td>${usd(way.usd_per_answer)}</td></tr>`)}</tbody>
    </table></div>
  </section>`;
}

function Actions({ topic, changed }) {
  const [failure, setFailure] = useState(null);
  const stop = async () => {
    setFailure(null);
    try {
      changed(await call('POST', `${topicPath(topic.id)}/stop`));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setFailure(error);
    }
  };
  // A view of the topic is a sign that the server is there again; one in another state, that what failed does not matter any more.
  useEffect(() => setFailure(known => (known && isOffline(known) ? null : known)), [topic]);
  useEffect(() => setFailure(null), [topic.state]);
  // A start states its own caps, so they are shown before it is made.
  const again = mode => `#/${mode}/${encodeURIComponent(topic.id)}`;
  return html`<div class="actions">
    ${isLive(topic) && html`<button class="danger" onClick=${stop}>Stop</button>`}
    ${topic.state === 'ended' && html`<a class="button primary" href=${again('resume')}>Resume</a><a class="button quiet" href=${again('fresh')}>Start fresh</a>`}
    <a class="button quiet" href=${textOf(topic.id)} download>Download</a>
    ${failure && html`<p class="banner bad" role="alert">${failure.message}</p>`}
  </div>`;
}

const textOf = id => `/api/v1${topicPath(id)}/attributes?format=text`;

function Doubted({ id, number }) {
  if (!number) return 'none of them is doubted.';
  return html`<a href=${`${textOf(id)}&doubted=only`} download>${count(number)} of them ${number === 1 ? 'is' : 'are'} doubted</a> (<a href=${`${textOf(id)}&doubted=without`} download>the list without</a>).`;
}

const rulesInWords = rules => [
  rules.matches && `match ${rules.matches}`,
  rules.min_chars && `at least ${rules.min_chars} characters`,
  rules.max_chars && `at most ${rules.max_chars} characters`,
  rules.scripts && `in ${rules.scripts.join(' or ')}`,
].filter(Boolean).join(', ');

// What a screen reader hears: now and then the numbers, at once a change of state.
function Spoken({ topic, found }) {
  const [text, setText] = useState('');
  const latest = useRef();
  latest.current = `${count(found)} items${topic.numbers.coverage === undefined ? '' : `, coverage ${percent(topic.numbers.coverage, 1)}`}${spoken(topic.numbers.completeness)}`;
  useEffect(() => {
    setText(`${topic.name} is ${topic.state}. ${topic.reason_text ?? ''}`);
    if (!isLive(topic)) return undefined;
    const timer = setInterval(() => setText(latest.current), SPOKEN_MS);
    return () => clearInterval(timer);
  }, [topic.state, topic.run]);
  return html`<p class="unseen" role="status" aria-live="polite">${text}</p>`;
}

export function TopicPage({ id, connection, changed, warned }) {
  const items = useMemo(() => new Items(), [id]);
  const curve = useMemo(() => new Curve(), [id]);
  const [topic, setTopic] = useState(null);
  const [failure, setFailure] = useState(null);
  const [version, setVersion] = useState(0);
  const [decided, setDecided] = useState('');
  const [now, setNow] = useState(Date.now());

  useEffect(() => {
    let frame = null;
    let pending = null;
    let gone = false;
    const refresh = () => {
      frame ??= requestAnimationFrame(() => {
        frame = null;
        if (pending) {
          setTopic(pending);
          changed(pending);
          pending = null;
        }
        setVersion(v => v + 1);
      });
    };
    const show = view => {
      pending = view;
      if (view.numbers.at) curve.add(view.numbers.log_index, view.numbers.attributes, Date.parse(view.numbers.at));
      refresh();
    };
    const drawn = () => call('GET', `${topicPath(id)}/curve`).then(answer => {
      if (!gone) curve.set(answer.points);
      refresh();
    }, () => {});
    setTopic(null);
    setFailure(null);
    drawn();
    const stream = new Stream(id, {
      state: connection,
      topic: show,
      attributes: event => {
        items.add(event.first, event.texts);
        refresh();
      },
      decided: event => setDecided(`${event.run} ${event.number}`),
      reset: () => {
        items.clear();
        curve.set([]);
        drawn();
      },
      missing: error => {
        setTopic(null);
        setFailure(error.message);
      },
    });
    call('GET', topicPath(id)).then(view => !gone && show(view), error => {
      if (gone) return;
      if (isMissing(error)) stream.missing(error);
      else setFailure(error.message);
    });
    const clock = setInterval(() => setNow(Date.now()), 1000);
    return () => {
      gone = true;
      stream.close();
      clearInterval(clock);
      cancelAnimationFrame(frame);
      connection('idle');
    };
  }, [id]);
  useEffect(() => {
    document.title = topic ? `${count(items.texts.length)} · ${topic.name} · igentai` : 'igentai';
  });

  if (failure && !topic) return html`<p class="banner bad" role="alert">${failure}</p>`;
  if (!topic) return html`<p class="empty">Loading …</p>`;
  const found = items.texts.length;
  const { numbers } = topic;
  return html`<article aria-labelledby="topic-title">
    <header class="topic-head">
      <div class="grow">
        <h1 id="topic-title"><bdi>${topic.name}</bdi></h1>
        <p class="muted"><${State} topic=${topic} />${topic.reason_text && html`<span>${topic.reason_text}</span>`}<span>run ${topic.run}</span>${isLive(topic) && html`<span>${count(numbers.active_producers)} producer${numbers.active_producers === 1 ? '' : 's'}</span>`}</p>
      </div>
      <${Actions} topic=${topic} changed=${view => { setTopic(view); changed(view); }} />
    </header>
    ${topic.prompt && html`<p class="prompt"><bdi>${topic.prompt}</bdi></p>`}
    ${numbers.seeds.known > 0 && html`<p class="muted">${count(numbers.seeds.known)} items were known from the beginning, ${count(numbers.seeds.named)} of them were named.</p>`}
    ${topic.rules && html`<p class="muted">Items: <bdi>${rulesInWords(topic.rules)}</bdi></p>`}
    ${numbers.judged > 0 && html`<p class="muted">${count(numbers.judged)} items that one answer alone had named were judged, <${Doubted} id=${topic.id} number=${numbers.doubted} /></p>`}
    ${topic.categories && html`<p class="muted">Categories: <bdi>${topic.categories.join(', ')}</bdi></p>`}
    ${numbers.problem && !warned.includes(numbers.problem) && html`<p class="banner" role="status">${numbers.problem}</p>`}
    <${Spoken} topic=${topic} found=${found} />
    <${Tiles} topic=${topic} found=${found} now=${now} />
    <${Quote} key=${`${id} ${topic.run} quote`} id=${id} version=${`${numbers.log_index} ${topic.state}`} />
    <div class="halves">
      <${Chart} curve=${curve} version=${version} />
      <${Feed} key=${id} items=${items} length=${found} loading=${found < numbers.attributes} />
    </div>
    <${Decisions} key=${`${id} ${topic.run}`} id=${id} decided=${`${decided} ${topic.state}`} version=${`${numbers.log_index} ${topic.state}`} />
    <${Recent} key=${`${id} ${topic.run} recent`} id=${id} version=${`${numbers.log_index} ${topic.state}`} />
    <${Table} title="Providers" first="Provider" rows=${numbers.providers} extra />
    <${Ways} all=${numbers.phrasings} />
    <${Table} title="Producers" first="Producer" rows=${numbers.producers} more=${{ label: 'Known to others', of: sums => percent(sums.of_others, sums.candidates) }} />
    <${Parts} key=${`${id} ${topic.run} parts`} id=${id} version=${`${numbers.log_index} ${topic.state}`} />
    <${Table} title="Requests for parts of the topic" first="Part" rows=${numbers.cells} more=${{ label: 'In its part', of: sums => (sums.aimed ? percent(sums.fitting, sums.aimed) : '–') }} />
  </article>`;
}
