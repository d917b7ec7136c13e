// The form that starts a topic.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { Refused, call } from './api.js';

const LIMITS = [
  ['max_attributes', 'Items', '1', 'any number'],
  ['max_usd', 'US dollars', 'any', 'no cap'],
  ['max_requests', 'Requests', '1', 'no cap'],
  ['time_limit_seconds', 'Seconds', 'any', 'no limit'],
];

const KNOWN = /^(name|prompt|items_per_request|mode|limits\.\w+|provider_weights.*)$/;

function Field({ name, label, hint, errors, children }) {
  const wrong = errors.filter(e => e.field === name || e.field.endsWith(`.${name}`));
  return html`<div class=${`field ${wrong.length ? 'wrong' : ''}`}>
    <label for=${`f-${name}`}>${label}</label>
    ${children}
    ${hint && !wrong.length && html`<p class="hint" id=${`h-${name}`}>${hint}</p>`}
    ${wrong.map(e => html`<p class="hint error" id=${`h-${name}`}>${e.detail}${e.allowed ? ` (allowed: ${e.allowed})` : ''}</p>`)}
  </div>`;
}

export function NewTopic({ providers, started }) {
  const [values, setValues] = useState({ mode: 'auto' });
  const [weights, setWeights] = useState([]);
  const [failure, setFailure] = useState(null);
  const [busy, setBusy] = useState(false);
  const form = useRef();
  const set = name => event => setValues({ ...values, [name]: event.target.value });
  const setWeight = (index, part) => event =>
    setWeights(weights.map((w, i) => (i === index ? { ...w, [part]: event.target.value } : w)));

  const submit = async event => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      started(await call('POST', '/topics', request(values, weights)));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setFailure(error.problem);
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    form.current.querySelector(failure ? '.wrong input, .wrong textarea' : '#f-name')?.focus();
  }, [failure]);

  const errors = failure?.errors ?? [];
  const described = name => ({ id: `f-${name}`, name, 'aria-describedby': `h-${name}`, value: values[name] ?? '', onInput: set(name) });
  return html`<form class="card new-topic" ref=${form} onSubmit=${submit} novalidate aria-labelledby="new-title">
    <h1 id="new-title">New topic</h1>
    <p class="muted">Name what you want a list of. Models are asked until they name nothing new, or a limit is reached.</p>
    ${failure && html`<p class="banner bad" role="alert">${errors.every(e => KNOWN.test(e.field)) && errors.length ? 'Not started: see below.' : failure.detail}</p>`}
    <${Field} name="name" label="Topic" errors=${errors}>
      <input type="text" ...${described('name')} required maxlength="300" autocomplete="off" placeholder="Paris attractions" />
    <//>
    <${Field} name="prompt" label="Prompt" hint="Optional. What to list, in your own words; phrased from the topic when left out." errors=${errors}>
      <textarea rows="3" ...${described('prompt')} maxlength="8000"></textarea>
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
        <${Field} name="mode" label="If it ran before" errors=${errors}>
          <select id="f-mode" value=${values.mode} onChange=${set('mode')}>
            <option value="auto">go on, or afresh after its own end</option>
            <option value="resume">go on</option>
            <option value="fresh">begin afresh</option>
          </select>
        <//>
      </div>
    </details>
    <div class="actions"><button class="primary" disabled=${busy}>${busy ? 'Starting …' : 'Start'}</button><a class="button quiet" href="#/">Cancel</a></div>
  </form>`;
}

function request(values, weights) {
  const numbers = names => Object.fromEntries(
    names.filter(name => (values[name] ?? '') !== '').map(name => [name, Number(values[name])]));
  const limits = numbers(LIMITS.map(([name]) => name));
  const named = weights.filter(w => w.name.trim());
  return {
    name: values.name ?? '',
    mode: values.mode,
    ...numbers(['items_per_request']),
    ...(values.prompt?.trim() ? { prompt: values.prompt } : {}),
    ...(Object.keys(limits).length ? { limits } : {}),
    ...(named.length ? { provider_weights: Object.fromEntries(named.map(w => [w.name.trim(), Number(w.value)])) } : {}),
  };
}
