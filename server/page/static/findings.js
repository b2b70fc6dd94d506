// *Findings* in three sentences with a chart each, and *About*: four questions.

import { get } from './api.js';
import { h, redraw, s } from './html.js';
import { known, number, t } from './words.js';

let found;
const filled = new Set();
const round = (value) => number(value);

/** Lines with a dot and its interval on one axis in points. */
function intervals(rows, label, { left = -10, right = 20 } = {}) {
  const lo = Math.min(left, ...rows.flatMap((r) => r.marks.map((m) => m.low ?? m.value)));
  const hi = Math.max(right, ...rows.flatMap((r) => r.marks.map((m) => m.high ?? m.value)));
  const [WIDTH, NAME, ROW] = [430, 120, 26];
  const x = (v) => NAME + ((WIDTH - NAME - 16) * (v - lo)) / (hi - lo);
  const ticks = [lo, 0, 50, hi].filter((v, n, all) => v >= lo && v <= hi && all.indexOf(v) === n);
  const height = rows.length * ROW + 26;
  return s('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', class: 'sf-intervals', 'aria-label': `${label}: ${rows.map((r) => `${r.name} ${r.marks.map((m) => number(m.value, 1)).join(' → ')}`).join('; ')}` },
    s('line', { x1: x(0), x2: x(0), y1: 0, y2: height - 20, class: 'sf-chance' }),
    rows.map((r, n) => {
      const y = n * ROW + 13;
      return s('g', null, s('text', { x: 0, y: y + 5, class: 'sf-tick' }, r.name),
        r.marks.length > 1 ? s('line', { x1: x(r.marks[0].value), x2: x(r.marks[1].value), y1: y, y2: y, class: 'sf-link' }) : null,
        r.marks.map((m) => [m.low === undefined || m.low === null ? null : s('rect', { x: x(m.low), width: Math.max(1, x(m.high) - x(m.low)), y: y - 5, height: 10, rx: 3, class: m.ring ? 'sf-band-soft' : 'sf-band' }),
          s('circle', { cx: x(m.value), cy: y, r: 6, class: m.ring ? 'sf-ring' : 'sf-dot' })]));
    }),
    ticks.map((v) => s('text', { x: x(v), y: height - 4, 'text-anchor': v === hi ? 'end' : 'middle', class: 'sf-tick' }, round(v))));
}

const figure = (id, sentence, chart, note) => h('figure', { class: 'sf-figure', id }, h('figcaption', null, h('strong', null, sentence), note ? h('span', { class: 'sf-soft' }, ` ${note}`) : null), chart);

function findings(place) {
  const { published, tasks, gains } = found;
  const parts = [];
  if (published.length) {
    const worst = published.reduce((a, b) => (a.value > b.value ? a : b));
    parts.push(figure('sf-finding-1', t('finding.published', { n: number(worst.value, 1), name: worst.name }), intervals(published.map((r) => ({ name: r.name, marks: [r] })), t('finding.published.axis')), t('finding.published.note')));
  }
  if (tasks.length) {
    const mean = (k) => tasks.reduce((a, r) => a + r[k].accuracy, 0) / tasks.length;
    parts.push(figure('sf-finding-2', t('finding.own', { usual: round(mean('observed')), n: round(mean('unobserved')) }), intervals(tasks.map((r) => ({ name: r.task, marks: [{ value: r.observed.accuracy, ring: true }, { value: r.unobserved.accuracy, low: r.unobserved.low, high: r.unobserved.high }] })), t('axis.title'), { left: 0, right: 100 }), t('finding.own.note')));
  }
  if (gains.length) {
    const clear = gains.filter((g) => g.low > 0).length;
    parts.push(figure('sf-finding-3', t(clear ? 'finding.aligned.some' : 'finding.aligned.none', { n: round(clear), of: round(gains.length) }), intervals(gains.map((g) => ({ name: g.model.split('+').pop(), marks: [g] })), t('finding.aligned.axis'), { left: -5, right: 5 }), t('finding.aligned.note')));
  }
  redraw(place, h('div', { class: 'sf-three' }, parts));
}

const tier = (row) => (known(`tier.${row.kind}`) ? t(`tier.${row.kind}`, { n: row.inputs }) : row.kind);

function skill() {
  if (!found.skills.length) return h('p', null, t('about.uncalibrated'));
  const head = ['about.tier', 'about.n', 'about.error', 'about.constant', 'about.inside'];
  return h('div', { class: 'sf-scroll', tabindex: '0', role: 'group', 'aria-label': t('about.good') }, h('table', { id: 'sf-skill' }, h('thead', null, h('tr', null, head.map((k) => h('th', { scope: 'col' }, t(k))))),
    h('tbody', null, found.skills.map((r) => h('tr', null, h('th', { scope: 'row' }, tier(r)), h('td', null, round(r.n)), h('td', null, number(r.error, 1)), h('td', null, number(r.constant, 1)), h('td', null, `${round(100 * r.coverage)}%`))))));
}

function heldOut() {
  const rows = found.held_out.filter((r) => r.task_type === 'all' && r.coverage !== null);
  if (!rows.length) return null;
  return h('p', { id: 'sf-held-out' }, t('about.held.out', { rows: rows.map((r) => t('about.held.out.row', { tier: tier(r), share: round(100 * r.coverage), low: round(100 * r.coverage_low), high: round(100 * r.coverage_high), n: round(r.n), error: number(r.mae, 1) })).join('; ') }));
}

function about(place) {
  redraw(place, h('div', { class: 'sf-about' },
    h('section', null, h('h2', null, t('about.what')), h('p', null, t('about.what.says'))),
    h('section', null, h('h2', null, t('about.numbers')), h('p', null, t('about.numbers.says'))),
    h('section', null, h('h2', null, t('about.good')), h('p', null, t('about.good.says')), skill(), heldOut()),
    h('section', null, h('h2', null, t('about.leaves')), h('p', null, t('about.leaves.says'))),
    found.card ? h('p', null, h('a', { href: 'page/v1/card.md', download: 'CARD.md', class: 'sf-button', id: 'sf-card' }, t('about.card', { model: found.model }))) : null));
}

/** Fills a tab, once. */
export async function fill(tab) {
  const place = document.getElementById(`sf-${tab}`);
  if (!place || (filled.has(tab) && place.firstChild)) return;
  place.classList.add('sf-root');
  if (!found) {
    redraw(place, h('p', { role: 'status' }, t('state.loading.short')));
    try {
      found = await get('findings');
    } catch (error) {
      redraw(place, h('p', { class: 'sf-error', role: 'alert' }, t(`error.${error.kind}`)), h('button', { type: 'button', onclick: () => fill(tab) }, t('error.retry')));
      return;
    }
  }
  filled.add(tab);
  (tab === 'findings' ? findings : about)(place);
}

