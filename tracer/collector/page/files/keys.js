// Keys of the page. A view has a list of {keys, does, run, group}; an array of names is one entry.

// common names the keys that work in every view.
const common = [
  { keys: ['?'], does: 'show the keys' },
  { keys: ['/'], does: 'find' },
  { keys: ['g', 't'], then: true, does: 'go to the traces' },
  { keys: ['g', 'd'], then: true, does: 'go to the dependencies' },
  { keys: ['Esc'], does: 'close, or leave a field' },
];

const fields = new Set(['INPUT', 'SELECT', 'TEXTAREA']);

// listen runs the view's and the page's keys. current() returns the view.
export function listen(current, page) {
  let before = '';
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const inField = fields.has(event.target.tagName) &&
      !['checkbox', 'button'].includes(event.target.type);
    if (event.key === 'Escape') {
      if (inField) event.target.blur();
      else if (!page.escape()) run(current(), 'Escape', event);
      return;
    }
    if (inField || document.querySelector('dialog[open]')) return;
    const chord = before === 'g' ? `g${event.key}` : event.key;
    before = event.key === 'g' ? 'g' : '';
    const action = page.keys[chord] || page.keys[event.key];
    if (action) {
      event.preventDefault();
      action();
      return;
    }
    run(current(), event.key, event);
  });
}

function run(view, key, event) {
  const binding = view && view.keys && view.keys.find((b) => b.keys.includes(key) && b.run);
  if (!binding) return;
  // Enter and Space belong to the element that has the focus.
  const busy = (key === 'Enter' || key === ' ') && event.target.closest('a, button, summary');
  if (busy) return;
  if (binding.run(key) !== false) event.preventDefault();
}

const shown = { ArrowDown: '↓', ArrowUp: '↑', ArrowLeft: '←', ArrowRight: '→', ' ': 'Space',
  Escape: 'Esc' };

// help returns [{title, keys: [{names, then, does}]}] of the view and the page.
export function help(view) {
  const entry = (b) => ({ names: b.keys.map((k) => shown[k] || k), then: b.then, does: b.does });
  const list = [{ title: 'Everywhere', keys: common.map(entry) }];
  if (view && view.keys && view.keys.length > 0) {
    list.unshift({ title: view.title, keys: view.keys.map(entry) });
  }
  return list;
}
