// The tools above a trace: tabs, find, prune, switches and files.

import { h, setAttr, setText } from './dom.js';
import { count } from './format.js';

const tabs = [['', 'Waterfall'], ['flame', 'Flame graph'], ['stats', 'Statistics']];
const kinds = ['CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER', 'LOCAL'];
const shares = [['', 'all spans'], ['0.1', '0.1% and more'], ['1', '1% and more'],
  ['5', '5% and more'], ['10', '10% and more']];

export class TraceTools {
  constructor(view) {
    this.view = view;
    this.tabs = tabs.map(([name, text]) => h('button', { type: 'button', text,
      onclick: () => view.set({ tab: name }) }));
    this.find = h('input', { 'aria-label': 'Find in all fields', placeholder: 'find in all fields',
      spellcheck: 'false', autocomplete: 'off', id: 'find',
      oninput: () => view.set({ find: this.find.value.trim() }, { replace: true }),
      onkeydown: (e) => {
        if (e.key !== 'Enter') return;
        e.preventDefault();
        view.jump(e.shiftKey ? -1 : 1);
      } });
    this.found = h('output', { id: 'found', 'aria-live': 'polite' });
    const turn = (text, label, by) => h('button', { type: 'button', text, 'aria-label': label,
      onclick: () => view.jump(by) });
    this.only = h('button', { type: 'button', text: 'Only matches', onclick: () => view.set(
      { only: view.param('only') === '1' ? '' : '1' }) });
    const flip = (text, name) => {
      const button = h('button', { type: 'button', text, onclick: () => view.flip(name, '0') });
      button.param = name;
      return button;
    };
    this.flips = [flip('Critical path', 'path'), flip('Fold', 'fold')];
    this.reset = h('button', { type: 'button', text: 'Whole time', onclick: () => view.zoom() });
    this.pruneSheet = h('div', { class: 'sheet' });
    this.pruneName = h('summary', { text: 'Prune' });
    this.pruneMenu = h('details', { class: 'menu', id: 'prune' }, this.pruneName, this.pruneSheet);
    const item = (text, run) => h('button', { type: 'button', text, onclick: () => {
      this.files.open = false;
      run();
    } });
    this.files = h('details', { class: 'menu' }, h('summary', { text: 'Save' }),
      h('div', { class: 'sheet right' },
        item('Zipkin JSON', () => view.export('zipkin')), item('OTLP JSON', () => view.export('otlp')),
        item('Save as one HTML file', () => view.export('html'))));
    this.element = h('div', { class: 'tools' },
      h('div', { class: 'tabs', role: 'group', 'aria-label': 'View of the trace' }, ...this.tabs),
      h('div', { class: 'find wide' }, this.find, this.found, turn('↑', 'Previous match', -1),
        turn('↓', 'Next match', 1), this.only),
      this.pruneMenu,
      ...this.flips, this.reset, h('span', { class: 'grow' }),
      h('button', { type: 'button', text: 'Compare…', onclick: () => view.compare() }), this.files);
  }

  // show brings the tools in line with the view's address.
  show() {
    const { view } = this;
    const { options } = view;
    this.tabs.forEach((tab, i) => setAttr(tab, 'aria-pressed', tabs[i][0] === options.tab));
    if (document.activeElement !== this.find) this.find.value = options.find;
    this.only.hidden = !options.find;
    setAttr(this.only, 'aria-pressed', options.only);
    for (const button of this.flips) {
      setAttr(button, 'aria-pressed', view.param(button.param) !== '0');
    }
    this.reset.hidden = !view.zoomed;
    this.showFound();
    this.showPrune();
  }

  showFound() {
    const { view } = this;
    const total = view.found.length;
    const at = view.span ? view.found.indexOf(view.span) + 1 : 0;
    setText(this.found, !view.options.find ? '' : at ? `${count(at)} of ${count(total)}`
      : total === 0 ? 'none' : count(total));
  }

  showPrune() {
    const { view } = this;
    const { options, trace } = view;
    const pruned = options.services.length + options.kinds.length + (options.share > 0 ? 1 : 0);
    setText(this.pruneName, pruned > 0 ? `Prune (${pruned})` : 'Prune');
    const key = JSON.stringify([trace.id, trace.count, options.services, options.kinds, options.share]);
    const open = this.pruneMenu.open && this.pruneTrace === trace.id;
    const chosen = JSON.stringify([options.services, options.kinds, options.share]);
    if (this.pruneKey === key || (open && this.chosen === chosen)) return;
    Object.assign(this, { pruneKey: key, pruneTrace: trace.id, chosen });
    const focused = this.pruneSheet.contains(document.activeElement) &&
      document.activeElement.parentElement.textContent;
    const check = (param, name, label, hidden) => h('label', {}, h('input', { type: 'checkbox',
      checked: !hidden, onchange: (e) => view.prune(param, name, !e.target.checked) }), label);
    const services = [...trace.services.values()].sort((a, b) => b.spans - a.spans);
    const share = h('select', { 'aria-label': 'Share of the time', onchange: () =>
      view.set({ share: share.value }) },
    ...shares.map(([value, text]) => h('option', { value, text })));
    share.value = view.param('share');
    this.pruneSheet.replaceChildren(
      h('h3', { text: 'Share of the trace\'s time' }), share,
      h('h3', { text: 'Kinds' }), ...kinds.map((kind) => check('hidekind', kind,
        kind.toLowerCase(), options.kinds.includes(kind))),
      h('h3', { text: 'Services' }), ...services.slice(0, 60).map((s) => check('hide', s.name,
        `${s.name || '(none)'} (${count(s.spans)})`, options.services.includes(s.name))),
      h('button', { type: 'button', text: 'Show all spans', disabled: pruned === 0, onclick: () =>
        view.set({ hide: '', hidekind: '', share: '' }) }));
    if (focused) {
      const label = [...this.pruneSheet.querySelectorAll('label')].find((l) => l.textContent === focused);
      if (label) label.firstChild.focus();
    }
  }
}
