// Durations of the traces in the list over time. A point opens its trace.

import { h, setText, setVar, sizeCanvas } from './dom.js';
import { clock, duration, plural } from './format.js';
import { palette } from './colors.js';

const left = 58;
const right = 12;
const top = 8;
const bottom = 16;

export class Scatter {
  constructor(open) {
    this.canvas = h('canvas', { role: 'img', onmousemove: (e) => this.hover(e),
      onmouseleave: () => { this.tip.hidden = true; },
      onclick: (e) => {
        const point = this.nearest(e);
        if (point) open(point.s.traceId);
      } });
    this.tip = h('div', { class: 'tip', hidden: true });
    this.element = h('div', { class: 'scatter', hidden: true }, this.canvas, this.tip);
    this.points = [];
    new ResizeObserver(() => this.list && this.draw(this.list)).observe(this.element);
  }

  draw(list) {
    this.list = list;
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0 || list.length === 0) return;
    const x = sizeCanvas(this.canvas, width, height);
    const colors = palette();
    let from = Infinity;
    let to = -Infinity;
    let low = Infinity;
    let high = 1;
    for (const s of list) {
      from = Math.min(from, s.timestamp);
      to = Math.max(to, s.timestamp);
      low = Math.min(low, Math.max(1, s.duration || 1));
      high = Math.max(high, s.duration || 1);
    }
    if (to === from) { from -= 5e5; to += 5e5; }
    const [a, b] = [Math.log10(low / 1.3), Math.log10(high * 1.3)];
    const place = (s) => ({
      s, x: left + (s.timestamp - from) / (to - from) * (width - left - right),
      y: height - bottom - (Math.log10(Math.max(1, s.duration || 1)) - a) / (b - a) *
        (height - top - bottom),
    });
    this.axes(x, colors, { width, height, from, to, a, b });
    this.points = list.map(place);
    const drawn = new Set();
    for (const error of [false, true]) {
      x.fillStyle = error ? colors.error : colors.accent;
      x.globalAlpha = error ? 0.9 : 0.55;
      for (const p of this.points) {
        if ((p.s.errors > 0) !== error) continue;
        const key = (p.x | 0) * 4096 + (p.y | 0) * 2 + (error ? 1 : 0);
        if (drawn.has(key)) continue;
        drawn.add(key);
        x.beginPath();
        if (error) x.rect(p.x - 3, p.y - 3, 6, 6);
        else x.arc(p.x, p.y, 3, 0, 2 * Math.PI);
        x.fill();
      }
    }
    x.globalAlpha = 1;
    this.canvas.setAttribute('aria-label', `Durations of ${plural(list.length, 'trace')} over time, ` +
      `from ${duration(low)} to ${duration(high)}`);
  }

  axes(x, colors, { width, height, from, to, a, b }) {
    x.font = '11px system-ui, sans-serif';
    x.strokeStyle = colors.line;
    x.fillStyle = colors.faint;
    x.textAlign = 'right';
    x.textBaseline = 'middle';
    for (let p = Math.ceil(a); p <= b; p++) {
      const y = height - bottom - (p - a) / (b - a) * (height - top - bottom);
      x.beginPath();
      x.moveTo(left, y);
      x.lineTo(width - right, y);
      x.stroke();
      x.fillText(duration(10 ** p), left - 6, y);
    }
    x.textBaseline = 'alphabetic';
    const steps = Math.max(1, Math.floor((width - left) / 170));
    for (let i = 0; i <= steps; i++) {
      x.textAlign = i === 0 ? 'left' : i === steps ? 'right' : 'center';
      x.fillText(clock(from + (to - from) * i / steps).slice(0, to - from < 1e7 ? 12 : 8),
        left + (width - left - right) * i / steps, height - 4);
    }
  }

  nearest(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    let least = 144;
    for (const p of this.points) {
      const d = (p.x - x) ** 2 + (p.y - y) ** 2;
      if (d < least) [best, least] = [p, d];
    }
    return best;
  }

  hover(event) {
    const point = this.nearest(event);
    this.tip.hidden = !point;
    if (!point) return;
    const { s, x, y } = point;
    setText(this.tip, `${s.rootService || ''} ${s.rootName || ''} ${duration(s.duration)}, ` +
      `${clock(s.timestamp)}${s.errors ? `, ${plural(s.errors, 'error')}` : ''}`);
    const after = x + this.tip.offsetWidth + 12 < this.element.clientWidth;
    setVar(this.tip, 'left', `${after ? x + 10 : x - this.tip.offsetWidth - 10}px`);
    setVar(this.tip, 'top', `${Math.min(y, this.element.clientHeight - 24)}px`);
  }
}
