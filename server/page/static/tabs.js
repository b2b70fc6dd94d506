// The four tabs: the row of buttons in the header, and their panels.

import { h } from './html.js';
import { t } from './words.js';

export const TABS = ['try', 'batch', 'findings', 'about'];

const buttons = {};
const panels = {};

/** Lays out the row and the panels; `chosen` is called with the name of a tab that is chosen. */
export function build(chosen) {
  for (const name of TABS) {
    buttons[name] = h('button', {
      type: 'button', role: 'tab', id: `sf-tab-${name}`, 'aria-controls': `sf-panel-${name}`, onclick: () => chosen(name),
    }, t(`tab.${name}`));
    panels[name] = h('section', { role: 'tabpanel', id: `sf-panel-${name}`, class: 'sf-panel', 'aria-labelledby': `sf-tab-${name}` },
      h('div', { id: `sf-${name}`, class: 'sf-root' }));
  }
  const row = h('div', { role: 'tablist', id: 'sf-tabs', class: 'sf-tabs', 'aria-label': t('tabs.title'), onkeydown: (event) => moved(event, chosen) }, Object.values(buttons));
  return { row, panels: Object.values(panels) };
}

/** The arrows, Home and End go along the row, as in other programs. */
function moved(event, chosen) {
  const at = TABS.findIndex((name) => buttons[name] === document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  const name = TABS[(to + TABS.length) % TABS.length];
  chosen(name);
  buttons[name].focus();
}

/** Shows the panel of a tab and hides the others. */
export function select(tab) {
  for (const name of TABS) {
    buttons[name].setAttribute('aria-selected', String(name === tab));
    buttons[name].tabIndex = name === tab ? 0 : -1;
    panels[name].hidden = name !== tab;
  }
}
