// Two traces compared by structure.

import { h, setAttr, setText, setVar } from './dom.js';
import { clock, count, duration, plural } from './format.js';
import { isDark, serviceColor } from './colors.js';
import { buildTrace, growOpen } from './model.js';
import { correctSkew } from './skew.js';
import { selfTimes } from './selftime.js';
import { pathTree } from './paths.js';
import { comparePaths } from './compare.js';
import { fromParams } from './filters.js';
import { VirtualRows } from './virtual.js';

const words = { added: 'only in B', removed: 'only in A', more: 'more in B', fewer: 'fewer in B',
  same: '' };

export class CompareView {
  constructor(app) {
    this.app = app;
    this.title = 'Compare';
    this.list = [];
    const input = (label) => h('input', { 'aria-label': label, class: 'mono', list: 'recent',
      placeholder: `${label}: id`, size: 34, spellcheck: 'false', autocomplete: 'off',
      onchange: () => this.go() });
    this.a = input('Trace A');
    this.b = input('Trace B');
    this.recent = h('datalist', { id: 'recent' });
    this.changes = h('button', { type: 'button', text: 'Only differences', onclick: () =>
      this.go({ diff: this.diff ? '' : '1' }) });
    this.summary = h('div', { class: 'title', id: 'compared' });
    this.head = h('div', { class: 'trow head', role: 'row' }, ...['path', 'spans A', 'spans B',
      'time A', 'time B', 'difference'].map((text, i) =>
      h('span', { role: 'columnheader', class: i > 0 ? 'num' : '', text })));
    this.rowsElement = h('div', { class: 'rows', role: 'presentation' });
    this.scroller = h('div', { class: 'scroller', tabindex: '0', role: 'rowgroup' },
      this.rowsElement);
    this.scroller.style.setProperty('--row', '24px');
    this.table = h('div', { class: 'table paths', role: 'table', 'aria-label': 'Paths of both traces',
      hidden: true }, h('div', { role: 'rowgroup' }, this.head), this.scroller);
    this.empty = h('div', { class: 'empty' }, h('h2', { text: 'Choose two traces' }),
      h('p', { text: 'Enter two ids, or mark two traces in the list with ⇄. Their spans are merged by ' +
        'path of services and operations, and the paths are compared.' }));
    this.element = h('div', { class: 'view compare' }, h('h1', { class: 'visually-hidden',
      text: 'Compare two traces' }),
    h('form', { class: 'tools', 'aria-label': 'Traces to compare', onsubmit: (e) => {
      e.preventDefault();
      this.go();
    } }, this.a, h('button', { type: 'button', text: '⇄', 'aria-label': 'Swap A and B',
      onclick: () => {
        [this.a.value, this.b.value] = [this.b.value, this.a.value];
        this.go();
      } }), this.b, h('button', { text: 'Compare' }), this.changes, this.recent),
    this.summary, this.empty, this.table);
    this.rows = new VirtualRows({ scroller: this.scroller, rows: this.rowsElement, height: 24,
      create: () => this.createRow(), fill: (row, i) => this.fillRow(row, i) });
    this.keys = [
      { keys: ['s'], does: 'page down', run: () => this.rows.page(0.8) },
      { keys: ['w'], does: 'page up', run: () => this.rows.page(-0.8) },
      { keys: ['/'], does: 'choose trace A', run: () => this.a.select() },
    ];
  }

  go(changes = {}) {
    const params = new URLSearchParams();
    for (const [key, value] of Object.entries({ a: this.a.value.trim(), b: this.b.value.trim(),
      diff: this.diff ? '1' : '', ...changes })) if (value) params.set(key, value);
    this.app.router.go(['compare'], params);
  }

  hide() {}

  async show(route) {
    document.title = 'Compare traces';
    const [a, b] = [route.params.get('a') || '', route.params.get('b') || ''];
    this.a.value = a;
    this.b.value = b;
    this.diff = route.params.get('diff') === '1';
    setAttr(this.changes, 'aria-pressed', this.diff);
    this.loadRecent(a);
    const key = `${a} ${b}`;
    if (this.key === key && this.all) {
      this.arrange();
      return;
    }
    this.key = key;
    this.all = null;
    this.table.hidden = true;
    this.empty.hidden = Boolean(a && b);
    this.summary.replaceChildren();
    if (!a || !b) return;
    try {
      const [x, y] = await Promise.all([this.load(a), this.load(b)]);
      if (this.key !== key) return;
      this.use(x, y);
    } catch (error) {
      if (this.key === key) this.app.fail(error, () => this.show(route));
    }
  }

  async load(id) {
    const pieces = await this.app.pieces(id);
    if (!pieces || pieces.length === 0) throw new Error(`no trace ${id}`);
    const trace = buildTrace(pieces);
    correctSkew(trace, true);
    growOpen(trace, this.app.now());
    selfTimes(trace);
    return trace;
  }

  // loadRecent offers traces that begin with the same operation.
  async loadRecent(a) {
    const source = this.app.server || this.app.file;
    let list = [];
    try {
      list = (await source.summaries(fromParams(new URLSearchParams()), { limit: 100 })).summaries;
    } catch {
      return;
    }
    const first = list.find((s) => s.traceId === a);
    const like = list.filter((s) => s !== first && (!first || s.rootName === first.rootName));
    this.recent.replaceChildren(...(like.length > 0 ? like : list).slice(0, 30).map((s) =>
      h('option', { value: s.traceId, label: `${clock(s.timestamp)} ${s.rootService} ${s.rootName} ` +
        duration(s.duration) })));
  }

  use(a, b) {
    this.all = comparePaths(pathTree(a), pathTree(b));
    const line = (name, t) => h('span', {}, h('strong', { text: `${name} ` }), h('a', { 'data-link': true,
      href: this.app.router.href(['traces', t.id]), text: `${t.root.service} ${t.root.name}`.trim() }),
    ` ${duration(t.duration)}, ${plural(t.count, 'span')}`);
    const changed = this.all.filter((r) => r.change !== 'same').length;
    this.summary.replaceChildren(line('A', a), line('B', b),
      h('span', { text: `B takes ${duration(Math.abs(b.duration - a.duration))} ` +
        `${b.duration < a.duration ? 'less' : 'more'}` }),
      h('span', { class: changed > 0 ? 'badge warn' : 'badge', text: changed > 0
        ? `${plural(changed, 'path')} differ${changed === 1 ? 's' : ''} in structure`
        : 'same structure' }));
    this.arrange();
  }

  arrange() {
    this.list = this.diff ? this.all.filter((r) => r.change !== 'same') : this.all;
    this.dark = isDark();
    this.largest = this.all.reduce((n, r) => Math.max(n, Math.abs(r.delta)), 1);
    this.table.hidden = false;
    this.rows.setCount(this.list.length);
  }

  createRow() {
    const dot = h('i', { class: 'dot' });
    const name = h('span', {});
    const badge = h('span', { class: 'badge' });
    const cells = [0, 1, 2, 3, 4].map(() => h('span', { class: 'num', role: 'cell' }));
    const row = h('div', { role: 'row' }, h('span', { class: 'cell', role: 'cell' }, dot, name, badge),
      ...cells);
    Object.assign(row, { dot, name, badge, cells });
    return row;
  }

  fillRow(row, i) {
    const { a, b, service, name, depth, change, delta } = this.list[i];
    setAttr(row, 'class', `trow ${change}`);
    setVar(row, '--depth', String(Math.min(depth, 24)));
    setVar(row.dot, '--service', serviceColor(service, this.dark));
    setText(row.name, `${service} ${name}`.trim());
    row.badge.hidden = change === 'same';
    setText(row.badge, words[change]);
    const texts = [a ? count(a.count) : '', b ? count(b.count) : '', a ? duration(a.total) : '',
      b ? duration(b.total) : '', delta === 0 ? '' : (delta > 0 ? '+' : '') + duration(delta)];
    texts.forEach((text, c) => setText(row.cells[c], text));
    row.cells[4].classList.toggle('error', delta > this.largest * 0.1);
  }
}
