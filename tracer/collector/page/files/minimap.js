// The whole trace on a small canvas, with the time that the waterfall shows.

import { h, sizeCanvas } from './dom.js';
import { duration } from './format.js';
import { palette, serviceColor } from './colors.js';
import { dragTime } from './waterfall.js';

export class Minimap {
  constructor(zoom) {
    this.canvas = h('canvas', { role: 'img' });
    this.element = h('div', { class: 'minimap' }, this.canvas);
    this.base = document.createElement('canvas');
    this.state = null;
    dragTime(this.canvas, () => this.state && [this.state.trace.start, this.state.trace.end], zoom,
      (from, to) => this.draw({ ...this.state, from, to }));
    new ResizeObserver(() => {
      this.drawn = null;
      if (this.state) this.draw(this.state);
    }).observe(this.element);
  }

  // draw shows the trace; the spans are drawn again only if version differs.
  draw(state) {
    this.state = state;
    const { trace, from, to, version } = state;
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0) return;
    const key = `${version} ${width} ${height} ${state.dark}`;
    if (this.drawn !== key) {
      this.drawn = key;
      this.drawSpans(state, width, height);
    }
    const x = sizeCanvas(this.canvas, width, height);
    x.drawImage(this.base, 0, 0, width, height);
    const per = width / (trace.duration || 1);
    const [a, b] = [(from - trace.start) * per, (to - trace.start) * per];
    const colors = palette();
    if (a > 0.5 || b < width - 0.5) {
      x.fillStyle = colors.veil;
      x.fillRect(0, 0, a, height);
      x.fillRect(b, 0, width - b, height);
      x.fillStyle = colors.accent;
      x.fillRect(a - 1, 0, 2, height);
      x.fillRect(b - 1, 0, 2, height);
    }
    this.canvas.setAttribute('aria-label', `Overview of the trace; the waterfall shows ` +
      `${duration(from - trace.start)} to ${duration(to - trace.start)}`);
  }

  drawSpans({ trace, rows, dark }, width, height) {
    const x = sizeCanvas(this.base, width, height);
    const per = width / (trace.duration || 1);
    const room = height - 6;
    const step = Math.min(6, room / Math.max(1, rows.length));
    const tall = Math.max(1, step - (step > 3 ? 1 : 0));
    const colors = new Map();
    const error = palette().error;
    const lanes = Math.ceil(room) + 1;
    const ends = new Float64Array(lanes).fill(-1); // right end of what a lane has
    const starts = new Float64Array(lanes).fill(1e9);
    for (let i = 0; i < rows.length; i++) {
      const { span, group } = rows[i];
      const last = group ? group.spans[group.spans.length - 1] : span;
      const a = (span.start - trace.start) * per;
      const b = Math.max(a + 1, (last.end - trace.start) * per);
      const y = i * step;
      if (step < 1) { // many rows a lane: skip what is covered
        const lane = y | 0;
        if (a >= starts[lane] && b <= ends[lane] && !span.error) continue;
        starts[lane] = Math.min(starts[lane], a);
        ends[lane] = Math.max(ends[lane], b);
      }
      let color = colors.get(span.service);
      if (!color) colors.set(span.service, color = serviceColor(span.service, dark));
      x.fillStyle = span.error ? error : color;
      x.fillRect(a, 3 + y, b - a, tall);
    }
  }
}
