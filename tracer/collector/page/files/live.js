// The collector's events, with pause. While paused, summaries are kept and counted.

// most is how many summaries a pause keeps.
const most = 5000;

const names = ['summary', 'evicted', 'losses', 'cleared', 'gap'];

export class Live {
  constructor(base) {
    this.url = `${base}api/v2/events`;
    this.listeners = new Map(names.map((name) => [name, new Set()]));
    this.states = new Set();
    this.paused = false;
    this.kept = new Map(); // by trace, while paused
    this.missed = false;
    this.state = 'connecting';
  }

  // on calls fn with each event's data until the returned function is called.
  on(name, fn) {
    this.listeners.get(name).add(fn);
    return () => this.listeners.get(name).delete(fn);
  }

  // onState calls fn when the connection, pause or the number of kept traces changes.
  onState(fn) {
    this.states.add(fn);
    return () => this.states.delete(fn);
  }

  start() {
    this.events = new EventSource(this.url);
    this.events.onopen = () => {
      const again = this.state === 'lost';
      this.set('live');
      if (again) this.tell('gap', null);
    };
    this.events.onerror = () => {
      this.set('lost');
      // The browser connects again by itself, unless the answer was no event stream.
      if (this.events.readyState !== EventSource.CLOSED) return;
      this.events.close();
      setTimeout(() => this.start(), 3000);
    };
    for (const name of names) {
      this.events.addEventListener(name, (event) => this.receive(name, event.data));
    }
  }

  receive(name, text) {
    let data = null;
    try {
      data = text ? JSON.parse(text) : null;
    } catch {
      return; // not ours
    }
    if (this.paused && (name === 'summary' || name === 'gap')) {
      if (name === 'summary') this.kept.set(data.traceId, data);
      else this.missed = true;
      if (this.kept.size > most) { // the list is loaded again instead
        this.kept.clear();
        this.missed = true;
      }
      this.notify();
      return;
    }
    this.tell(name, data);
  }

  // waiting is the number of traces that have changed in the pause, "" if there is none.
  get waiting() {
    if (this.missed) return 'many';
    return this.kept.size > 0 ? String(this.kept.size) : '';
  }

  pause(on) {
    this.paused = on;
    const kept = on ? [] : [...this.kept.values()];
    const { missed } = this;
    this.kept.clear();
    this.missed = false;
    this.notify();
    if (on) return;
    if (missed) this.tell('gap', null);
    for (const data of kept) this.tell('summary', data);
  }

  set(state) {
    this.state = state;
    this.notify();
  }

  notify() {
    for (const fn of this.states) fn(this);
  }

  tell(name, data) {
    for (const fn of this.listeners.get(name)) fn(data);
  }
}
