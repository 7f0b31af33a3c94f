// Addresses of the page: /zipkin/…, or #/… in a file that was saved.

export class Router {
  constructor({ base, hash }) {
    this.base = base;
    this.hash = hash;
    this.listeners = [];
    window.addEventListener('popstate', () => this.tell());
    if (hash) window.addEventListener('hashchange', () => this.tell());
    document.addEventListener('click', (event) => this.click(event));
  }

  // route returns {path: [segments], params}.
  route() {
    const text = this.hash ? window.location.hash.slice(1) || '/' : window.location.pathname +
      window.location.search;
    const [path, query = ''] = text.split(/\?(.*)/s);
    const rest = this.hash ? path : path.startsWith(this.base) ? path.slice(this.base.length) : '';
    const segments = rest.split('/').filter((s) => s !== '');
    return { path: segments.map(decode), params: new URLSearchParams(query) };
  }

  // href returns the address of a path with parameters.
  href(path, params) {
    const query = params ? String(params) : '';
    const where = path.map(encodeURIComponent).join('/') + (query ? `?${query}` : '');
    return this.hash ? `#/${where}` : this.base + where;
  }

  // go changes the address; with replace, back does not return to the one before.
  go(path, params, { replace = false, quiet = false } = {}) {
    const href = this.href(path, params);
    if (replace) window.history.replaceState(null, '', href);
    else window.history.pushState(null, '', href);
    if (!quiet) this.tell();
  }

  onChange(fn) {
    this.listeners.push(fn);
  }

  tell() {
    const text = window.location.href;
    for (const fn of this.listeners) fn(this.route(), text);
  }

  // click follows links of the page without loading it again.
  click(event) {
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey &&
      !event.altKey && !event.defaultPrevented;
    const link = plain && event.target.closest && event.target.closest('a[data-link]');
    if (!link) return;
    event.preventDefault();
    const href = link.getAttribute('href');
    if (href !== window.location.pathname + window.location.search) {
      window.history.pushState(null, '', href);
    }
    this.tell();
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
