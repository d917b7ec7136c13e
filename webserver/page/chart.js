// Unique items over responses or time, drawn by uPlot.

import { html, useEffect, useRef, useState } from './vendor/preact.js';
import { count } from './api.js';

const MOST = 1200;

// Points in order of the log; thinned out when there are many.
export class Curve {
  constructor() {
    this.points = [];
  }

  set(points) {
    this.points = points.map(p => [p.log_index, p.attributes, p.at_ms / 1000]);
  }

  add(log, attributes, at) {
    const last = this.points[this.points.length - 1];
    if (last && log <= last[0]) return;
    this.points.push([log, attributes, at / 1000]);
    if (this.points.length > MOST) this.points = this.points.filter((_, i) => i % 2 || i === this.points.length - 1);
  }

  columns(byTime) {
    const start = byTime || !this.points.length ? this.points : [[0, 0, 0], ...this.points];
    return [start.map(p => p[byTime ? 2 : 0]), start.map(p => p[1])];
  }
}

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(width, height, byTime) {
  const axis = { stroke: colour('--muted'), font: '11px system-ui, sans-serif', grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
  return {
    width,
    height,
    scales: { x: { time: byTime }, y: { range: (_, low, high) => [0, Math.max(10, high * 1.06)] } },
    legend: { show: false },
    cursor: { points: { size: 7 }, drag: { x: true, y: false } },
    axes: [{ ...axis, size: 28 }, { ...axis, size: 52, values: (_, ticks) => ticks.map(count) }],
    series: [
      {},
      { stroke: colour('--accent'), width: 2, fill: colour('--accent-wash'), points: { show: false } },
    ],
    hooks: {},
  };
}

export function Chart({ curve, version }) {
  const [byTime, setByTime] = useState(false);
  const [at, setAt] = useState(null);
  const place = useRef();
  const plot = useRef();

  useEffect(() => {
    const draw = () => {
      if (plot.current) plot.current.destroy();
      const { clientWidth, clientHeight } = place.current;
      const shape = options(Math.max(160, clientWidth), Math.max(120, clientHeight), byTime);
      shape.hooks.setCursor = [u => setAt(u.cursor.idx ?? null)];
      plot.current = new uPlot(shape, curve.columns(byTime), place.current);
    };
    draw();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    const watch = new ResizeObserver(() => {
      const { clientWidth, clientHeight } = place.current;
      if (clientWidth && clientHeight) plot.current.setSize({ width: clientWidth, height: clientHeight });
    });
    watch.observe(place.current);
    return () => {
      dark.removeEventListener('change', draw);
      watch.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [curve, byTime]);
  useEffect(() => {
    if (plot.current) plot.current.setData(curve.columns(byTime));
  }, [version]);

  const [xs, ys] = curve.columns(byTime);
  const where = at !== null && at < xs.length ? at : xs.length - 1;
  const x = xs[where];
  const reading = where >= 0 ? `${count(ys[where])} unique ${byTime ? `at ${new Date(x * 1000).toLocaleTimeString()}` : `after ${count(x)} responses`}` : 'no points yet';
  return html`<section class="card chart" aria-labelledby="chart-title">
    <header class="card-head">
      <h2 id="chart-title">Unique items</h2>
      <span class="muted small">${reading}</span>
      <span class="grow"></span>
      <div class="segments" role="group" aria-label="Horizontal axis">
        <button aria-pressed=${!byTime} onClick=${() => setByTime(false)}>responses</button>
        <button aria-pressed=${byTime} onClick=${() => setByTime(true)}>time</button>
      </div>
    </header>
    <div class="plot" ref=${place} role="img" aria-label=${`Unique items over ${byTime ? 'time' : 'responses'}: ${reading}`}></div>
  </section>`;
}
