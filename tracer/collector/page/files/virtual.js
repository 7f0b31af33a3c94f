// A long list with a few elements: those that are visible, used again while scrolling.

import { perFrame } from './dom.js';

export class VirtualRows {
  // Options: scroller (element), rows (element in it that holds the rows), height (of a row, px),
  // create() → element, fill(element, index), after(first, last) once a frame is drawn.
  constructor({ scroller, rows, height, create, fill, after }) {
    Object.assign(this, { scroller, rows, height, create, fill, after });
    this.count = 0;
    this.pool = [];
    this.shown = []; // index that each element of the pool shows
    this.frame = perFrame(() => this.draw(false));
    scroller.addEventListener('scroll', this.frame, { passive: true });
    this.observer = new ResizeObserver(this.frame);
    this.observer.observe(scroller);
  }

  close() {
    this.observer.disconnect();
  }

  // setCount says how many rows there are; all are drawn again.
  setCount(count) {
    this.count = count;
    this.rows.style.setProperty('height', `${count * this.height}px`);
    this.draw(true);
  }

  refresh() {
    this.draw(true);
  }

  range() {
    const top = Math.max(0, this.scroller.scrollTop - this.rows.offsetTop);
    const first = Math.max(0, Math.floor(top / this.height) - 4);
    const visible = Math.ceil(this.scroller.clientHeight / this.height) + 8;
    return [first, Math.min(this.count, first + visible)];
  }

  draw(dirty) {
    const [first, last] = this.range();
    while (this.pool.length < last - first) {
      const element = this.create();
      element.hidden = true;
      this.pool.push(element);
      this.shown.push(-1);
      this.rows.append(element);
    }
    const size = this.pool.length;
    const used = new Set();
    for (let i = first; i < last; i++) {
      const j = i % size;
      used.add(j);
      const element = this.pool[j];
      if (this.shown[j] === i && !dirty) continue;
      if (this.shown[j] !== i) {
        element.style.setProperty('transform', `translateY(${i * this.height}px)`);
        element.hidden = false;
        this.shown[j] = i;
      }
      this.fill(element, i);
    }
    for (let j = 0; j < size; j++) {
      if (used.has(j) || this.shown[j] === -1) continue;
      this.shown[j] = -1;
      this.pool[j].hidden = true;
    }
    if (this.after) this.after(first, last);
  }

  // element returns the row's element if it is drawn.
  element(index) {
    const j = this.shown.indexOf(index);
    return j < 0 ? null : this.pool[j];
  }

  indexOf(element) {
    const j = this.pool.indexOf(element);
    return j < 0 ? -1 : this.shown[j];
  }

  // reveal scrolls as little as needed to show the row.
  reveal(index) {
    const top = this.rows.offsetTop + index * this.height;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop + this.rows.offsetTop) this.scroller.scrollTop = top - this.rows.offsetTop;
    else if (top + this.height > scrollTop + clientHeight) {
      this.scroller.scrollTop = top + this.height - clientHeight;
    }
    this.draw(false);
  }

  // page scrolls by a share of the visible height.
  page(share) {
    this.scroller.scrollTop += this.scroller.clientHeight * share;
    this.draw(false);
  }
}
