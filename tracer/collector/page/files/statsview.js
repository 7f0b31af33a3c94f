// The statistics of a trace, a table by operation.

import { h, setAttr, setText, setVar } from './dom.js';
import { count, duration } from './format.js';
import { isDark, serviceColor } from './colors.js';
import { operations, sortBy } from './stats.js';
import { VirtualRows } from './virtual.js';

const columns = [['name', 'operation'], ['count', 'spans'], ['errors', 'errors'], ['sum', 'total'],
  ['self', 'self'], ['p50', 'p50'], ['p90', 'p90'], ['p99', 'p99'], ['max', 'max']];
const numbers = new Set(['count', 'errors']);

export class StatsView {
  constructor(select) {
    this.select = select;
    this.field = 'self';
    this.reverse = false;
    this.head = h('div', { class: 'trow head', role: 'row' }, ...columns.map(([field, text], i) =>
      h('span', { role: 'columnheader', class: i > 0 ? 'num' : '' },
        h('button', { type: 'button', text, onclick: () => this.sort(field) }))));
    this.rowsElement = h('div', { class: 'rows', role: 'presentation' });
    this.scroller = h('div', { class: 'scroller', tabindex: '0', role: 'rowgroup' }, this.rowsElement);
    this.scroller.style.setProperty('--row', '26px');
    this.element = h('div', { class: 'panel table stats', role: 'table',
      'aria-label': 'Statistics by operation' }, h('div', { role: 'rowgroup' }, this.head), this.scroller);
    this.rows = new VirtualRows({ scroller: this.scroller, rows: this.rowsElement, height: 26,
      create: () => this.createRow(), fill: (row, i) => this.fillRow(row, i) });
  }

  set(trace, version) {
    if (this.version === version && this.trace === trace) {
      this.rows.refresh();
      return;
    }
    this.version = version;
    this.trace = trace;
    this.all = operations(trace);
    this.arrange();
  }

  sort(field) {
    this.reverse = this.field === field && !this.reverse;
    this.field = field;
    this.arrange();
  }

  arrange() {
    this.list = sortBy(this.all, this.field, this.reverse);
    columns.forEach(([field], i) => setAttr(this.head.children[i], 'aria-sort', field !== this.field
      ? null : (field === 'name') !== this.reverse ? 'ascending' : 'descending'));
    this.dark = isDark();
    this.rows.setCount(this.list.length);
  }

  createRow() {
    const dot = h('i', { class: 'dot' });
    const name = h('span', {});
    const cells = columns.slice(1).map(() => h('span', { class: 'num', role: 'cell' }));
    const row = h('div', { class: 'trow link', role: 'row' },
      h('span', { class: 'cell', role: 'cell' }, dot, name), ...cells);
    row.addEventListener('click', () => this.select(this.list[this.rows.indexOf(row)].longest));
    Object.assign(row, { dot, name, cells });
    return row;
  }

  fillRow(row, i) {
    const entry = this.list[i];
    setVar(row.dot, '--service', serviceColor(entry.service, this.dark));
    setText(row.name, `${entry.service} ${entry.name}`.trim());
    columns.slice(1).forEach(([field], c) => {
      const value = entry[field];
      setText(row.cells[c], !numbers.has(field) ? duration(value)
        : value === 0 && field === 'errors' ? '' : count(value));
      row.cells[c].classList.toggle('error', field === 'errors' && value > 0);
    });
  }
}
