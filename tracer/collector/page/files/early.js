// Asks for the trace that the address names while the other modules still load.

const match = /^\/zipkin\/traces\/([0-9a-fA-F]{1,32})$/.exec(window.location.pathname);

const asked = { id: match ? match[1] : '', answer: null };
if (match) {
  asked.answer = fetch(`/zipkin/api/v2/trace/${match[1]}`);
  asked.answer.catch(() => {}); // server.js says so
}

// early returns the answer that is under way for a trace, once, or null.
export function early(id) {
  if (id !== asked.id) return null;
  const { answer } = asked;
  asked.answer = null;
  return answer;
}
