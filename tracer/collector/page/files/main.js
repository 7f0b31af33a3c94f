// The page: its bar, its address and the view that the address names.

import { h, setAttr, setText } from './dom.js';
import { Router } from './router.js';
import { Server } from './server.js';
import { LocalSource } from './local.js';
import { Live } from './live.js';
import { listen, help } from './keys.js';
import { lossTexts } from './losses.js';
import { parseSpans } from './formats.js';
import { plural } from './format.js';
import { savedData } from './save.js';
import { ListView } from './listview.js';
import { TraceView } from './traceview.js';
import { CompareView } from './compareview.js';
import { GraphView } from './graphview.js';

const base = '/zipkin/';

class App {
  constructor(saved) {
    this.saved = saved;
    this.router = new Router({ base, hash: saved !== null });
    // file has the spans of a file; the saved page has nothing else.
    this.file = saved ? new LocalSource(parseSpans(saved.text), 'this file') : null;
    this.server = saved ? null : new Server(base);
    this.live = saved ? null : new Live(base);
    this.savedAt = saved ? saved.at : 0;
    this.mark = null; // a trace that is to be compared
    this.views = {};
    this.view = null;
    this.build();
  }

  // source returns where a view's data comes from.
  source(route) {
    return this.server && !(route && route.params.get('from') === 'file') ? this.server : this.file;
  }

  // now returns the moment at which open spans end, in microseconds.
  now() {
    return this.savedAt || Date.now() * 1000;
  }

  build() {
    const link = (text, path) => h('a', { href: this.router.href(path), 'data-link': true, text });
    this.links = { list: link('Traces', []), graph: link('Dependencies', ['dependency']),
      compare: link('Compare', ['compare']) };
    this.idInput = h('input', { 'aria-label': 'Trace id', placeholder: 'trace id', class: 'mono',
      spellcheck: 'false', autocomplete: 'off' });
    this.upload = h('input', { type: 'file', accept: '.json,application/json', hidden: true,
      id: 'upload', 'aria-label': 'File of spans', onchange: () => this.openFile() });
    this.pulse = h('span', { class: 'pulse', 'data-state': 'connecting' });
    this.losses = h('div', { class: 'notice', id: 'losses', role: 'status', hidden: true });
    this.problem = h('div', { class: 'notice bad', id: 'problem', role: 'alert', hidden: true });
    this.said = h('div', { class: 'visually-hidden', 'aria-live': 'polite' });
    this.dialog = h('dialog', { 'aria-labelledby': 'help-title',
      onclick: (e) => { if (e.target === this.dialog) this.dialog.close(); } });
    this.main = h('main', {});
    document.body.append(
      h('header', { class: 'bar' },
        h('span', { class: 'brand', text: this.saved ? 'Saved traces' : 'Traces' }),
        h('nav', { 'aria-label': 'Views' }, ...Object.values(this.links)),
        h('span', { class: 'grow' }),
        h('form', { class: 'idbox', role: 'search', 'aria-label': 'Trace by id',
          onsubmit: (e) => this.goToId(e) }, this.idInput),
        h('button', { type: 'button', text: 'Open file…', onclick: () => this.upload.click() }),
        this.upload, this.saved ? null : this.pulse,
        h('button', { type: 'button', text: '?', 'aria-label': 'Keys', id: 'help',
          onclick: () => this.help() })),
      this.problem, this.losses, this.main, this.said, this.dialog);
    document.addEventListener('dragover', (e) => e.preventDefault());
    document.addEventListener('drop', (e) => {
      e.preventDefault();
      if (e.dataTransfer.files.length > 0) this.read(e.dataTransfer.files[0]);
    });
  }

  start() {
    this.router.onChange((route) => this.show(route));
    listen(() => this.view, {
      keys: {
        '?': () => this.help(),
        gt: () => this.router.go([]),
        gd: () => this.router.go(['dependency']),
      },
      escape: () => this.escape(),
    });
    if (this.live) {
      this.live.onState(() => this.showPulse());
      this.live.on('losses', (data) => this.showLosses(data));
      this.live.on('gap', () => this.loadLosses());
      this.live.start();
      this.showPulse();
      this.loadLosses();
    }
    const route = this.router.route();
    const traces = this.saved ? this.file.all() : [];
    if (traces.length === 1 && route.path.length === 0) {
      this.router.go(['traces', traces[0].id], null, { replace: true });
    } else {
      this.show(route);
    }
  }

  show(route) {
    this.fail(null);
    const [first, second] = route.path;
    let name = 'list';
    if (first === 'traces' && second) name = 'trace';
    else if (first === 'dependency') name = 'graph';
    else if (first === 'compare') name = 'compare';
    const view = this.views[name] ||= this.make(name);
    if (this.view !== view) {
      if (this.view) this.view.hide();
      this.view = view;
      this.main.replaceChildren(view.element);
    }
    for (const [key, link] of Object.entries(this.links)) {
      setAttr(link, 'aria-current', key === name ? 'page' : null);
    }
    view.show(route);
  }

  make(name) {
    switch (name) {
      case 'trace': return new TraceView(this);
      case 'graph': return new GraphView(this);
      case 'compare': return new CompareView(this);
      default: return new ListView(this);
    }
  }

  // pieces returns the pieces of a trace, of the file if it has it, or null.
  async pieces(id) {
    if (this.file && this.file.has(id)) return this.file.trace(id);
    return this.server ? this.server.trace(id) : null;
  }

  // fail shows what did not work, or nothing.
  fail(error, retry) {
    this.problem.hidden = !error;
    if (!error) return;
    this.problem.replaceChildren(h('span', { text: sentence(error.message) }),
      retry ? h('button', { type: 'button', text: 'Try again', onclick: retry }) : '',
      h('button', { type: 'button', text: 'Dismiss', onclick: () => this.fail(null) }));
  }

  // say announces a change to a screen reader.
  say(text) {
    setText(this.said, text);
  }

  goToId(event) {
    event.preventDefault();
    const id = this.idInput.value.trim().toLowerCase();
    if (!/^[0-9a-f]{1,32}$/.test(id)) {
      this.fail(new Error('a trace id has 1 to 32 hexadecimal digits'));
      return;
    }
    this.idInput.value = '';
    this.router.go(['traces', id]);
  }

  openFile() {
    const [file] = this.upload.files;
    this.upload.value = '';
    if (file) this.read(file);
  }

  async read(file) {
    try {
      const spans = parseSpans(await file.text());
      this.file = new LocalSource(spans, file.name);
    } catch (error) {
      this.fail(new Error(`${file.name}: ${error.message}`));
      return;
    }
    const traces = this.file.all();
    this.say(`${plural(traces.length, 'trace')} opened`);
    if (traces.length === 1) this.router.go(['traces', traces[0].id]);
    else this.router.go([], this.saved ? null : new URLSearchParams({ from: 'file' }));
  }

  showPulse() {
    const { state, paused, waiting } = this.live;
    setAttr(this.pulse, 'data-state', state === 'live' && paused ? 'paused' : state);
    const texts = { live: 'live', connecting: 'connecting', lost: 'collector lost, retrying' };
    setText(this.pulse, state === 'live' && paused ? `paused, ${waiting || 0} new` : texts[state]);
  }

  async loadLosses() {
    try {
      this.showLosses(await this.server.losses());
    } catch {
      // The pulse says that the collector does not answer.
    }
  }

  showLosses(losses) {
    const texts = lossTexts(losses);
    this.losses.hidden = texts.length === 0;
    const shown = texts.slice(0, 5).map((text) => h('span', { text }));
    if (texts.length > 5) shown.push(h('span', { text: `and ${texts.length - 5} more` }));
    this.losses.replaceChildren(...shown);
  }

  escape() {
    const menu = document.querySelector('details.menu[open]');
    if (menu) menu.open = false;
    return Boolean(menu);
  }

  help() {
    const parts = help(this.view).flatMap(({ title, keys }) => [
      h('h3', { text: title }),
      h('dl', { class: 'keys' }, ...keys.flatMap(({ names, then, does }) => [
        h('dt', {}, ...names.flatMap((n, i) => [i > 0 ? (then ? ' then ' : ' ') : '',
          h('kbd', { text: n })])),
        h('dd', { text: does }),
      ])),
    ]);
    this.dialog.replaceChildren(h('h2', { text: 'Keys', id: 'help-title' }), ...parts,
      h('button', { type: 'button', text: 'Close', onclick: () => this.dialog.close() }));
    this.dialog.showModal();
  }
}

function sentence(text) {
  return /^[a-z]+ /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

// A menu closes when a click goes elsewhere.
document.addEventListener('click', (event) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

new App(savedData()).start();
