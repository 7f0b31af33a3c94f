// Colours: one for each service by a hash of its name, and those of the style sheet for canvases.

const slots = 15; // hues from 40 to 320 degrees: red is for errors

// hash is FNV-1a of the text's UTF-16 units.
function hash(text) {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h ^ (h >>> 15)) >>> 0;
}

// serviceColor returns a CSS colour of 3:1 or more against the page's ground.
export function serviceColor(service, dark) {
  if (service === '') return dark ? 'oklch(0.65 0 0)' : 'oklch(0.6 0 0)';
  const h = hash(service);
  const hue = 40 + (h % slots) * 20;
  const strong = (h >>> 8) % 2 === 1;
  return dark ? `oklch(${strong ? 0.76 : 0.66} ${strong ? 0.11 : 0.14} ${hue})`
    : `oklch(${strong ? 0.52 : 0.62} ${strong ? 0.14 : 0.15} ${hue})`;
}

const scheme = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : null;

// isDark reports the system's scheme.
export function isDark() {
  return scheme !== null && scheme.matches;
}

// onScheme calls fn when the system's scheme changes, until the returned function is called.
export function onScheme(fn) {
  scheme.addEventListener('change', fn);
  return () => scheme.removeEventListener('change', fn);
}

// palette reads custom properties of the style sheet.
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: read('text'), faint: read('faint'), line: read('line'), ground: read('ground'),
    raised: read('raised'), error: read('error'), accent: read('accent'), warn: read('warn'),
    path: read('path'), veil: read('veil'),
  };
}
