// Elements made from data. Every value becomes an attribute or text, never markup.

const svgNamespace = 'http://www.w3.org/2000/svg';

function build(element, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === 'text') element.textContent = value;
    else if (typeof value === 'function') element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  for (const child of children) {
    if (child !== undefined && child !== null && child !== false) element.append(child);
  }
  return element;
}

// h creates an HTML element. A prop whose value is a function is a listener ("onclick").
export function h(tag, props = {}, ...children) {
  return build(document.createElement(tag), props, children);
}

// svg creates an SVG element.
export function svg(tag, props = {}, ...children) {
  return build(document.createElementNS(svgNamespace, tag), props, children);
}

// setText writes only if the text differs, which saves layout work in pooled rows.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// setAttr sets an attribute, or removes it if the value is null or false.
export function setAttr(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// setVar sets a custom property. The Content-Security-Policy allows the CSSOM.
export function setVar(element, name, value) {
  element.style.setProperty(name, value);
}

// sizeCanvas gives the canvas the pixels of its box and returns its context in CSS pixels.
export function sizeCanvas(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.max(1, Math.round(width * ratio));
  const hgt = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== hgt) {
    canvas.width = w;
    canvas.height = hgt;
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// perFrame returns a function that calls fn at most once in a frame.
export function perFrame(fn) {
  let pending = 0;
  return () => {
    if (pending) return;
    pending = requestAnimationFrame(() => {
      pending = 0;
      fn();
    });
  };
}
