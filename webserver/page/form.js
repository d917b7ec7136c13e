// The form that starts a topic.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { Refused, call, compact, count, topicPath, usd } from './api.js';

const LIMITS = [
  ['max_attributes', 'Items', '1', 'any number'],
  ['max_usd', 'US dollars', 'any', 'no cap'],
  ['max_requests', 'Requests', '1', 'no cap'],
  ['time_limit_seconds', 'Seconds', 'any', 'no limit'],
  ['completeness', 'Percent complete', 'any', 'as long as anything is new'],
  ['min_new_per_100_requests', 'New in 100 requests', '1', 'no floor'],
];

const KNOWN = /^(name|prompt|items_per_request|partition|probe_share|routing|phrasing|judge|categories|rules\.\w+|seeds|mode|limits\.\w+|provider_weights.*)$/;

function Field({ name, label, hint, errors, children }) {
  const wrong = errors.filter(e => e.field === name || e.field.endsWith(`.${name}`));
  return html`<div class=${`field ${wrong.length ? 'wrong' : ''}`}>
    <label for=${`f-${name}`}>${label}</label>
    ${children}
    ${hint && !wrong.length && html`<p class="hint" id=${`h-${name}`}>${hint}</p>`}
    ${wrong.map(e => html`<p class="hint error" id=${`h-${name}`}>${e.detail}${e.allowed ? ` (allowed: ${e.allowed})` : ''}</p>`)}
  </div>`;
}

// The cap that a run that goes on has nothing left of, and what to say about it. Money ends a little below its cap, so its end tells.
function spent({ reason, limits, numbers }) {
  const { totals } = numbers;
  if (limits.max_requests && totals.requests + numbers.requests_at_risk >= limits.max_requests) {
    return { name: 'max_requests', text: `The cap of ${count(limits.max_requests)} requests is used up; raise or clear it.` };
  }
  if (limits.max_attributes && numbers.attributes >= limits.max_attributes) {
    return { name: 'max_attributes', text: `The cap of ${count(limits.max_attributes)} items is used up; raise or clear it.` };
  }
  if (limits.max_usd && (reason === 'max_usd' || totals.usd + totals.usd_at_risk >= limits.max_usd)) {
    return { name: 'max_usd', text: `The cap of ${usd(limits.max_usd)} is used up (${usd(totals.usd + totals.usd_at_risk)} spent); raise or clear it.` };
  }
  return null;
}

const text = value => (value === undefined ? '' : String(value));

// The API has these as shares of 1.
const PERCENT = { 'limits.completeness': 'from 1 to 100', probe_share: 'from 0 to 50' };
const isShare = name => name === 'completeness' || name === 'probe_share';
const shown = (name, value) => (isShare(name) && value !== undefined ? Number((value * 100).toFixed(4)) : value);
const inPercent = e => (PERCENT[e.field] && !e.seen ? { ...e, detail: 'that is no such share', allowed: PERCENT[e.field] } : e);

// What the API calls a field of the form.
const called = name => (LIMITS.some(([limit]) => limit === name) ? `limits.${name}` : name.endsWith('_chars') ? `rules.${name}` : name);

// What is wrong before anything is sent: what the browser cannot read as a number, of which it tells nothing but that, is not taken for left out; and a share
// of 1 is written as one, most likely.
function mistaken(values, fields) {
  const unread = [...fields].filter(field => field.validity.badInput)
    .map(field => ({ field: called(field.name), detail: 'that is no number', seen: true }));
  const shares = Object.keys(PERCENT).flatMap(field => {
    const percent = Number(values[field.replace('limits.', '')]);
    if (!(percent > 0 && percent < 1)) return [];
    const meant = Number((percent * 100).toFixed(4));
    return [{ field, detail: `${percent} is less than one percent; did you mean ${meant}?`, seen: true }];
  });
  const errors = [...unread, ...shares];
  return errors.length ? { detail: errors[0].detail, errors } : null;
}
const meant = (name, value) => (isShare(name) ? Number((value / 100).toFixed(6)) : value);

// What items must be like, as the form has it.
const RULES = ['matches', 'min_chars', 'max_chars'];
const ruled = rules => ({ ...Object.fromEntries(RULES.map(name => [name, text(rules?.[name])])), scripts: (rules?.scripts ?? []).join(', ') });

// What the form holds at first: of the topic that is to go on, or of none.
function first(from, mode) {
  if (!from) return { values: { mode: 'auto', completeness: '95' }, weights: [] };
  const limits = Object.fromEntries(LIMITS.map(([name]) => [name, text(shown(name, from.limits[name]))]));
  return {
    values: { name: from.name, prompt: from.prompt ?? '', items_per_request: text(from.items_per_request), probe_share: text(shown('probe_share', from.probe_share)), mode, ...limits, ...ruled(from.rules), judge: String(from.judge) },
    weights: Object.entries(from.provider_weights).map(([name, value]) => ({ name, value: String(value) })),
  };
}

// The form for a topic that ended: filled with what it had.
export function Again({ id, mode, providers, started }) {
  const [from, setFrom] = useState(null);
  const [failure, setFailure] = useState(null);
  useEffect(() => {
    let gone = false;
    call('GET', topicPath(id)).then(view => !gone && setFrom(view), error => !gone && setFailure(error.message));
    return () => { gone = true; };
  }, [id]);
  if (failure) return html`<p class="banner bad" role="alert">${failure}</p>`;
  return from ? html`<${NewTopic} from=${from} mode=${mode} providers=${providers} started=${started} />` : html`<p class="empty">Loading …</p>`;
}

export function NewTopic({ from, mode, providers, started }) {
  const [values, setValues] = useState(() => first(from, mode).values);
  const [weights, setWeights] = useState(() => first(from, mode).weights);
  const [failure, setFailure] = useState(null);
  const [busy, setBusy] = useState(false);
  const form = useRef();
  const set = name => event => setValues({ ...values, [name]: event.target.value });
  const setWeight = (index, part) => event =>
    setWeights(weights.map((w, i) => (i === index ? { ...w, [part]: event.target.value } : w)));

  const submit = async event => {
    event.preventDefault();
    const wrong = mistaken(values, form.current.querySelectorAll('input[type=number]'));
    if (wrong) {
      setFailure(wrong);
      return;
    }
    setBusy(true);
    setFailure(null);
    try {
      started(await call('POST', '/topics', request(values, weights, from)));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setFailure(error.problem);
    } finally {
      setBusy(false);
    }
  };
  const cap = from && mode === 'resume' ? spent(from) : null;
  const begin = cap ? `#f-${cap.name}` : from ? '#f-start' : '#f-name';
  useEffect(() => {
    const field = form.current.querySelector(failure ? '.wrong input, .wrong textarea' : begin);
    field?.focus();
    if (cap && !failure) field?.select();
  }, [failure]);

  const errors = (failure?.errors ?? []).map(inPercent);
  const described = name => ({ id: `f-${name}`, name, 'aria-describedby': `h-${name}`, value: values[name] ?? '', onInput: set(name) });
  return html`<form class="card new-topic" ref=${form} onSubmit=${submit} novalidate aria-labelledby="new-title">
    <h1 id="new-title">${!from ? 'New topic' : mode === 'resume' ? html`Resume <bdi>${from.name}</bdi>` : html`Start <bdi>${from.name}</bdi> afresh`}</h1>
    <p class="muted">${!from ? 'Name what you want a list of. Models are asked until they name nothing new, or a limit is reached.'
      : mode === 'resume' ? `It goes on from its ${compact(from.numbers.attributes)} items, with the limits below; those left empty do not hold.`
        : 'A new run starts with an empty list; the one shown before is replaced. The limits below hold for it; those left empty do not.'}</p>
    ${cap && !failure && html`<p class="banner" role="status">${cap.text}</p>`}
    ${failure && html`<p class="banner bad" role="alert">${errors.every(e => KNOWN.test(e.field)) && errors.length ? 'Not started: see below.' : failure.detail}</p>`}
    <${Field} name="name" label="Topic" errors=${errors}>
      <input type="text" ...${described('name')} required maxlength="300" autocomplete="off" placeholder="Paris attractions" readonly=${Boolean(from)} />
    <//>
    <${Field} name="prompt" label="Prompt" hint=${from?.prompt ? 'What to list, in your own words; left empty, it stays as it was.' : 'Optional. What to list, in your own words; phrased from the topic when left out.'} errors=${errors}>
      <textarea rows="3" ...${described('prompt')} maxlength="8192"></textarea>
    <//>
    <fieldset>
      <legend>End at the latest after</legend>
      <div class="row four">${LIMITS.map(([name, label, step, placeholder]) => html`<${Field} key=${name} name=${name} label=${label} errors=${errors}>
        <input type="number" min="0" step=${step} inputmode="decimal" ...${described(name)} placeholder=${placeholder} />
      <//>`)}</div>
    </fieldset>
    <fieldset>
      <legend>Provider weights</legend>
      ${weights.length === 0 && html`<p class="hint">As configured at the producers.</p>`}
      ${weights.map((weight, index) => html`<div class="weight" key=${index}>
        <input type="text" aria-label="Provider" list="providers" placeholder="provider" value=${weight.name} onInput=${setWeight(index, 'name')} />
        <input type="range" min="0" max="10" step="0.1" aria-label=${`Weight of ${weight.name || 'the provider'}`} value=${weight.value} onInput=${setWeight(index, 'value')} />
        <output>${Number(weight.value).toFixed(1)}</output>
        <button type="button" class="quiet" aria-label=${`Remove ${weight.name || 'this provider'}`} onClick=${() => setWeights(weights.filter((_, i) => i !== index))}>✕</button>
      </div>`)}
      ${errors.filter(e => e.field.startsWith('provider_weights')).map(e => html`<p class="hint error">${e.field.slice(17)} ${e.detail}${e.allowed ? ` (allowed: ${e.allowed})` : ''}</p>`)}
      <button type="button" class="quiet" onClick=${() => setWeights([...weights, { name: providers[weights.length] ?? '', value: '1' }])}>Add a provider</button>
      <datalist id="providers">${providers.map(name => html`<option value=${name} />`)}</datalist>
    </fieldset>
    <details>
      <summary>More</summary>
      <div class="row two">
        <${Field} name="items_per_request" label="Items per request" errors=${errors}>
          <input type="number" min="1" max="500" step="1" ...${described('items_per_request')} placeholder="50" />
        <//>
        <${Field} name="probe_share" label="Percent of requests about the whole" hint="A sample that says how far the others are off; at 0 only what the estimate takes." errors=${errors}>
          <input type="number" min="0" max="50" step="any" inputmode="decimal" ...${described('probe_share')} placeholder=${from ? '' : 'as before, or as configured'} />
        <//>
        ${!from && html`<${Field} name="partition" label="Requests aim at" errors=${errors}>
          <select id="f-partition" value=${values.partition} onChange=${set('partition')}>
            <option value="">what is configured</option>
            <option value="alphabetical">parts of the alphabet</option>
            <option value="category">categories</option>
            <option value="semantic">clusters of what was found</option>
            <option value="none">the whole topic</option>
          </select>
        <//>`}
        ${!from && html`<${Field} name="routing" label="Requests are shared among providers" errors=${errors}>
          <select id="f-routing" value=${values.routing} onChange=${set('routing')}>
            <option value="">as before, or by what may still be found</option>
            <option value="good_ucb">by what each may still find, for its price</option>
            <option value="ewma">by what the newest answers brought, for their price</option>
            <option value="fixed">by the weights</option>
          </select>
        <//>`}
        ${!from && html`<${Field} name="phrasing" label="Models are asked" errors=${errors}>
          <select id="f-phrasing" value=${values.phrasing} onChange=${set('phrasing')}>
            <option value="">as before, or in ways that compete</option>
            <option value="compete">in ways that compete</option>
            <option value="plain">with the question alone</option>
            <option value="rare">for what is rarely named, too</option>
            <option value="exact">for particular items</option>
            <option value="broad">for items of different kinds</option>
          </select>
        <//>`}
        <${Field} name="judge" label="Named by one answer alone" hint="Judged before the topic ends by itself; what is doubted stays in the list, marked." errors=${errors}>
          <select id="f-judge" aria-describedby="h-judge" value=${values.judge} onChange=${set('judge')}>
            ${!from && html`<option value="">as before, or taken as it is</option>`}
            <option value="false">is taken as it is</option>
            <option value="true">is shown to a model as judge</option>
          </select>
        <//>
        ${values.partition === 'category' && html`<${Field} name="categories" label="Categories" hint="One a line; left empty, a model tells them." errors=${errors}>
          <textarea rows="3" ...${described('categories')}></textarea>
        <//>`}
        <${Field} name="matches" label="Items match" hint="A regular expression; ^ and $ are their ends." errors=${errors}>
          <input type="text" ...${described('matches')} autocomplete="off" spellcheck="false" maxlength="500" placeholder="anything" />
        <//>
        <${Field} name="scripts" label="Written in" hint="Scripts, with commas between: latin, cyrillic, han …" errors=${errors}>
          <input type="text" ...${described('scripts')} autocomplete="off" spellcheck="false" placeholder="any script" />
        <//>
        <${Field} name="min_chars" label="Fewest characters" errors=${errors}>
          <input type="number" min="1" max="512" step="1" ...${described('min_chars')} placeholder="1" />
        <//>
        <${Field} name="max_chars" label="Most characters" errors=${errors}>
          <input type="number" min="1" max="512" step="1" ...${described('max_chars')} placeholder="512" />
        <//>
        <${Field} name="seeds" label="Known already" hint=${from?.numbers.seeds.known ? `One item a line: these are neither found nor counted. ${compact(from.numbers.seeds.known)} are known already, and stay so.` : 'One item a line: these are neither found nor counted.'} errors=${errors}>
          <textarea rows="3" ...${described('seeds')}></textarea>
        <//>
        ${!from && html`<${Field} name="mode" label="If it ran before" errors=${errors}>
          <select id="f-mode" value=${values.mode} onChange=${set('mode')}>
            <option value="auto">go on, or afresh after its own end</option>
            <option value="resume">go on</option>
            <option value="fresh">begin afresh</option>
          </select>
        <//>`}
      </div>
    </details>
    <div class="actions"><button class="primary" id="f-start" disabled=${busy}>${busy ? 'Starting …' : !from ? 'Start' : mode === 'resume' ? 'Resume' : 'Start afresh'}</button><a class="button quiet" href=${from ? `#/t/${encodeURIComponent(from.id)}` : '#/'}>Cancel</a></div>
  </form>`;
}

// What is left out of a start is kept, so taking the last weight of a topic away must be said.
function request(values, weights, from) {
  const numbers = names => Object.fromEntries(
    names.filter(name => (values[name] ?? '') !== '').map(name => [name, meant(name, Number(values[name]))]));
  const limits = numbers(LIMITS.map(([name]) => name));
  const named = weights.filter(w => w.name.trim());
  const lines = text => (text ?? '').split('\n').map(line => line.trim()).filter(Boolean);
  const categories = values.partition === 'category' ? lines(values.categories) : [];
  const seeds = lines(values.seeds);
  const scripts = (values.scripts ?? '').split(',').map(name => name.trim().toLowerCase()).filter(Boolean);
  const rules = {
    ...((values.matches ?? '') === '' ? {} : { matches: values.matches }),
    ...numbers(['min_chars', 'max_chars']),
    ...(scripts.length ? { scripts } : {}),
  };
  return {
    name: values.name ?? '',
    mode: values.mode,
    ...numbers(['items_per_request', 'probe_share']),
    ...(values.partition ? { partition: values.partition } : {}),
    ...(values.routing ? { routing: values.routing } : {}),
    ...(values.phrasing ? { phrasing: values.phrasing } : {}),
    ...(values.judge ? { judge: values.judge === 'true' } : {}),
    ...(categories.length ? { categories } : {}),
    ...(seeds.length ? { seeds } : {}),
    ...(Object.keys(rules).length || from?.rules ? { rules } : {}),
    ...(values.prompt?.trim() ? { prompt: values.prompt } : {}),
    ...(Object.keys(limits).length ? { limits } : {}),
    ...(named.length || from ? { provider_weights: Object.fromEntries(named.map(w => [w.name.trim(), Number(w.value)])) } : {}),
  };
}
