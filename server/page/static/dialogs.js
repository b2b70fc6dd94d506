// Dialogs: share with a QR code, code, comparison of two wordings, suggestions, challenge, help.

import { snippets } from './code.js';
import { axis, marked } from './draw.js';
import { h } from './html.js';
import { address, predictionKey } from './store.js';
import { number, said, t, told } from './words.js';

const round = (value) => number(value);

/** Opens a modal dialog with a title; closing it gives the focus back to what had it. */
export function open(title, ...children) {
  const before = document.activeElement;
  const dialog = h('dialog', { class: 'sf-dialog', 'aria-label': title },
    h('div', { class: 'sf-dialog-head' }, h('h2', null, title),
      h('button', { type: 'button', class: 'sf-close', 'aria-label': t('close'), onclick: () => dialog.close() }, '×')),
    children);
  dialog.addEventListener('close', () => {
    dialog.remove();
    (before?.isConnected ? before : document.getElementById(before?.id))?.focus();
  });
  (document.querySelector('.sf-root') || document.body).append(dialog);
  dialog.showModal();
  return dialog;
}

async function copied(text, button, field) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    field.select();
    document.execCommand('copy');
  }
  button.textContent = t('share.copied');
}

/** The address of what is shown, and its QR code. */
export function share(root, { qr = false } = {}) {
  const link = String(address(root || location.href.split('?')[0]));
  const field = h('input', { readOnly: true, value: link, 'aria-label': t('share.address') });
  const copy = h('button', { type: 'button', class: 'sf-go', onclick: () => copied(link, copy, field) }, t('share.copy'));
  const code = h('img', { class: 'sf-qr', alt: t('share.qr', { link }), src: `page/v1/qr.svg?text=${encodeURIComponent(link)}` });
  code.addEventListener('error', () => code.replaceWith(h('p', null, t('share.long'))));
  open(qr ? t('share.qr.title') : t('share.title'), h('p', null, t('share.says')), h('div', { class: 'sf-line' }, field, copy), code);
  if (!qr) copied(link, copy, field);
}

/** curl, Python and the command for what is shown. */
export function code(body, evidence, server) {
  const made = snippets(body, evidence, server, location.href.split(/[?#]/)[0]);
  const block = (id, title, text) => h('div', null, h('h3', null, title), h('pre', { id, tabindex: '0' }, text));
  open(t('code.title'), server?.key ? h('p', null, t('code.key')) : null, block('sf-curl', 'curl', made.curl), block('sf-python', 'Python', made.python),
    made.command ? block('sf-command', t('code.command'), made.command) : null);
}

/** Two wordings of the visit beside each other. */
export function compare([a, b]) {
  const column = (row, other) => h('div', null,
    h('p', { class: 'sf-quote', tabindex: '0' }, marked(row.instruction, other.instruction)),
    row.value === null ? h('p', null, t('expect.none')) : [
      h('p', { class: 'sf-big' }, row.counted ? round(row.value) : t('expect.about', { n: round(row.value) }), h('small', null, ` ${t('expect.unit')}`)),
      axis({ usual: row.usual, own: { value: row.value, low: row.low, high: row.high }, guess: row.guess, measured: row.measured, aligned: row.aligned_measured ?? undefined }),
    ],
    h('p', { class: 'sf-soft' }, row.apart ? `${row.apart}: ` : '', row.measured !== undefined ? t('visit.measured', { n: round(row.measured) }) : t(row.counted ? 'basis.measured' : 'compare.unmeasured')));
  open(t('compare.title'), h('div', { class: 'sf-two' }, column(a, b), column(b, a)));
}

const SOURCES = ['observed', 'paraphrase'];

/** Rewordings with what is expected of each; a click takes one. */
export async function suggestions(ask, use) {
  const key = predictionKey();
  const box = h('div', { 'aria-live': 'polite' }, h('p', null, t('better.busy')));
  const dialog = open(t('better.title'), box);
  try {
    const made = await ask();
    if (key !== predictionKey()) {
      dialog.close();
      return;
    }
    const rows = made.rewordings.map((r) => {
      const p = r.prediction;
      const value = p.degradation === null || made.usual === null ? null : Math.min(100, Math.max(0, made.usual - p.degradation));
      return h('li', null, h('button', { type: 'button', class: 'sf-quote', onclick: () => { dialog.close(); use({ instruction: r.text }); } }, r.text.replace(/\n+/g, '\n')),
        h('span', { class: 'sf-soft' }, ` ${value === null ? t('expect.none') : `${p.tier === 'measured' ? round(value) : t('expect.about', { n: round(value) })} ${t('expect.unit')}`} · ${SOURCES.includes(r.source) ? t(`better.${r.source}`) : r.source}`));
    });
    const away = made.phrases.filter((p) => p.moved > 0).sort((x, y) => y.moved - x.moved).slice(0, 3);
    box.replaceChildren(...(rows.length ? [h('ol', { class: 'sf-suggested' }, rows)] : [h('p', null, t('better.none'))]),
      ...(away.length ? [h('p', { class: 'sf-soft', id: 'sf-phrases' }, `${t('better.phrases')} `, away.map((p, n) => [n ? ', ' : '', h('mark', { title: number(p.moved, 2) }, p.text)]))] : []));
  } catch (error) {
    box.replaceChildren(h('p', { role: 'alert' }, told(error)));
  }
}

/** The measured wordings that lost most, on this machine. */
export function hardest(rows, use) {
  const list = rows.map((r) => h('li', null,
    h('button', { type: 'button', class: 'sf-quote', onclick: () => { dialog.close(); use({ instruction: r.instruction, task: r.task, model: r.model || '' }); } }, r.instruction),
    h('span', { class: 'sf-soft' }, ` ${t('challenge.lost', { usual: round(r.usual), n: round(r.measured) })}`)));
  const dialog = open(t('challenge.title'), h('p', null, t('challenge.says')),
    list.length ? h('ol', { class: 'sf-suggested', id: 'sf-hardest' }, list) : h('p', { class: 'sf-soft' }, t('challenge.empty')));
}

/** Keys and a short tour. */
export function help() {
  const keys = [['Ctrl+Enter', 'help.measure'], ['Esc', 'help.stop'], ['N', 'help.next'], ['1–6', 'help.chips'], ['P', 'help.present']];
  open(t('help.title'), h('ol', null, [1, 2, 3, 4, 5, 6].map((n) => h('li', null, t(`help.tour.${n}`)))),
    h('h3', null, t('help.keys')), h('dl', { class: 'sf-keys' }, keys.map(([key, what]) => [h('dt', null, h('kbd', null, key)), h('dd', null, t(what))])),
    h('p', { class: 'sf-soft' }, t('help.letters')));
}

/** What an evidence file shows, and whether it follows from what it records. */
export function replayed(made) {
  const { asked, shown } = made;
  const look = shown.look;
  const p = look.prediction;
  const own = p.degradation === null || look.usual === null ? null : {
    value: look.usual - p.degradation, low: look.usual - p.high, high: look.usual - p.low,
  };
  const found = shown.measured || [];
  open(t('replay.title'), h('p', { class: 'sf-quote', tabindex: '0' }, asked.instruction),
    own ? axis({ usual: look.usual, chance: look.chance, own, measured: found[0]?.accuracy, aligned: found[1]?.accuracy }) : null,
    h('p', null, found.length ? t('measure.result', { n: round(found[0].accuracy), of: round(found[0].n) }) : ''),
    h('ul', { class: 'sf-checks', id: 'sf-checks' }, made.checks.map((c) => h('li', null, `${c.ok ? '✓' : '✗'} ${t(`replay.${c.what}`)} `, c.ok ? t('replay.holds') : t('replay.fails'), c.reason ? h('span', { class: 'sf-soft' }, ` ${said(c.reason)}`) : null))),
    h('p', { class: 'sf-soft' }, t('replay.made', { version: made.provenance.project_version, created: made.provenance.created.slice(0, 10), models: made.models.map((m) => m.id).join(', ') })));
}
