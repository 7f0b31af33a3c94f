// Files out: JSON, and a page with its data in one HTML file.

import { h } from './dom.js';

// savedData returns {text, at} if this page is a saved file, else null.
export function savedData() {
  const element = document.getElementById('spans');
  if (!element) return null;
  const at = Number(element.getAttribute('data-saved')) || 0;
  return { text: element.textContent, at };
}

// download offers the text as a file.
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = h('a', { href: url, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// The template has this text where the spans go.
const close = '<' + '/script>'; // in parts: this text is in a script element itself
const place = `[]${close}`;

// onePage puts spans into the template of the saved page. "<" becomes an escape, so that no text of a span
// ends the script element.
export function onePage(template, spans, at) {
  const at0 = template.lastIndexOf(place);
  if (at0 < 0) throw new Error('the template has no place for spans');
  const json = JSON.stringify(spans).replaceAll('<', '\\u003c');
  return template.slice(0, at0).replace(/data-saved="\d*">$/, `data-saved="${at}">`) + json +
    template.slice(at0 + '[]'.length);
}

// template returns the page in one file without spans: from the collector, or from this file.
export async function template() {
  const data = document.getElementById('spans');
  if (!data) {
    const response = await fetch('/zipkin/page/saved.html');
    if (!response.ok) throw new Error(`saved.html: ${response.status}`);
    return response.text();
  }
  const head = document.head.innerHTML;
  const script = document.getElementById('page').textContent;
  return `<!doctype html>\n<html lang="en">\n<head>${head}</head>\n<body>\n` +
    `<script type="application/json" id="spans" data-saved="0">${place}\n` +
    `<script type="module" id="page">${script}${close}\n</body>\n</html>\n`;
}
