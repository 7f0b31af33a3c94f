// Tests of the page's modules that have no document. Each entry of tests is a name and a function
// that throws; run returns [{name, error}].

import { buildTrace, growOpen } from '/zipkin/page/model.js';
import { correctSkew } from '/zipkin/page/skew.js';
import { criticalPath } from '/zipkin/page/criticalpath.js';
import { selfTimes } from '/zipkin/page/selftime.js';
import { groups, groupStats } from '/zipkin/page/fold.js';
import { pruner } from '/zipkin/page/prune.js';
import { visibleRows, withAncestors } from '/zipkin/page/rows.js';
import { find } from '/zipkin/page/find.js';
import { operations, sortBy } from '/zipkin/page/stats.js';
import { percentile, summarize } from '/zipkin/page/percentiles.js';
import { pathTree } from '/zipkin/page/paths.js';
import { flameBoxes } from '/zipkin/page/flame.js';
import { comparePaths } from '/zipkin/page/compare.js';
import { fromZipkin, toZipkin } from '/zipkin/page/zipkin.js';
import { fromOTLP, toOTLP } from '/zipkin/page/otlp.js';
import { parseSpans } from '/zipkin/page/formats.js';
import { chips, decidable, fromParams, matchesSummary, toParams } from '/zipkin/page/filters.js';
import { dependencies } from '/zipkin/page/dependencies.js';
import { busiest, layout, neighbours } from '/zipkin/page/graph.js';
import { clock, count, duration, parseDuration, percent, plural } from '/zipkin/page/format.js';
import { lossTexts } from '/zipkin/page/losses.js';
import { onePage } from '/zipkin/page/save.js';
import { LocalSource } from '/zipkin/page/local.js';
import { serviceColor } from '/zipkin/page/colors.js';
import { niceStep } from '/zipkin/page/waterfall.js';

const tests = {};

function equal(have, want, what = '') {
  const [h, w] = [JSON.stringify(have), JSON.stringify(want)];
  if (h !== w) throw new Error(`${what} have ${h}, want ${w}`);
}

function fails(fn, part) {
  try {
    fn();
  } catch (error) {
    if (error.message.includes(part)) return;
    throw new Error(`have error ${error.message}, want ${part}`);
  }
  throw new Error(`have no error, want ${part}`);
}

const at = 1_700_000_000_000_000;

// s makes a piece: s('b', 'a', 'api', 'get', 5, 10, {kind: 'SERVER'}).
function s(id, parentId, service, name, start, takes, more = {}) {
  const piece = { traceId: 't1', id, name, localEndpoint: { serviceName: service }, ...more };
  if (parentId) piece.parentId = parentId;
  if (start !== null) piece.timestamp = at + start;
  if (takes !== null) piece.duration = takes;
  return piece;
}

const names = (list) => list.map((span) => span.name);
const tree = (trace) => trace.spans.map((span) => `${'  '.repeat(span.depth)}${span.name}`);

const call = () => [
  s('1', '', 'web', 'root', 0, 100),
  s('2', '1', 'web', 'call', 10, 50, { kind: 'CLIENT' }),
  s('3', '2', 'api', 'call', 20, 30, { kind: 'SERVER' }),
  s('4', '1', 'web', 'late', 70, 20),
];

tests['the tree is in order of start, depth first'] = () => {
  equal(tree(buildTrace(call().reverse())), ['root', '  call', '    call', '  late']);
};
tests['pieces of one span are merged'] = () => {
  const trace = buildTrace([
    s('1', '', 'web', 'root', 0, null, { tags: { a: '1' }, annotations: [{ timestamp: 2, value: 'b' }] }),
    s('1', '', 'web', '', 0, 70, { tags: { b: '2' }, annotations: [{ timestamp: 1, value: 'a' },
      { timestamp: 2, value: 'b' }] }),
    { traceId: 't1', id: '1', tags: { error: 'x' } },
  ]);
  equal(trace.count, 1);
  const [span] = trace.spans;
  equal([span.duration, span.pieces, span.tags, span.open, span.error],
    [70, 3, { a: '1', b: '2', error: 'x' }, false, true]);
  equal(span.annotations.map((a) => a.value), ['a', 'b']);
};
tests['the earliest start and the longest duration of the pieces hold'] = () => {
  const [span] = buildTrace([s('1', '', 'a', 'x', 20, 30), s('1', '', 'a', 'x', 10, 5),
    s('1', '', 'a', 'x', null, null)]).spans;
  equal([span.start - at, span.duration], [10, 30]);
};
tests['a child of a shared id belongs to the side of its service'] = () => {
  const pieces = [s('1', '', 'web', 'call', 0, 50, { kind: 'CLIENT' }),
    s('1', '', 'api', 'call', 10, 30, { kind: 'SERVER', shared: true }),
    s('1', '', 'copy', 'call', 12, 20, { kind: 'SERVER', shared: true }),
    s('2', '1', 'copy', 'query', 15, 5)];
  const query = buildTrace(pieces).spans.find((x) => x.name === 'query');
  equal(query.parent.service, 'copy');
};
tests['client and server that share an id are two spans'] = () => {
  const trace = buildTrace([
    s('1', '', 'api', 'call', 10, 30, { kind: 'SERVER', shared: true }),
    s('1', '', 'web', 'call', 0, 50, { kind: 'CLIENT' }),
    s('2', '1', 'api', 'query', 15, 5),
  ]);
  equal(trace.spans.map((x) => [x.service, x.name, x.depth]),
    [['web', 'call', 0], ['api', 'call', 1], ['api', 'query', 2]]);
};
tests['a server without the shared flag is shared if the client has its id'] = () => {
  const trace = buildTrace([s('1', '', 'web', 'call', 0, 50, { kind: 'CLIENT' }),
    s('1', '', 'api', 'call', 10, 30, { kind: 'SERVER' })]);
  equal(trace.spans.map((x) => [x.service, x.shared, x.depth]), [['web', false, 0], ['api', true, 1]]);
};
tests['a missing parent is one row for all its children'] = () => {
  const trace = buildTrace([s('1', '', 'web', 'root', 0, 100), s('3', '2', 'api', 'a', 20, 10),
    s('4', '2', 'api', 'b', 40, 30)]);
  equal([trace.missing, trace.count, trace.root.name], [1, 3, 'root']);
  const span = trace.spans.find((x) => x.missing);
  equal([span.id, span.start - at, span.end - at, names(span.children)], ['2', 20, 70, ['a', 'b']]);
};
tests['circles of parents are cut'] = () => {
  const trace = buildTrace([s('1', '2', 'a', 'x', 0, 1), s('2', '1', 'a', 'y', 0, 1),
    s('3', '3', 'a', 'own', 0, 1)]);
  equal(trace.spans.length, 3);
  equal(trace.roots.length, 2);
};
tests['a deep trace needs no deep stack'] = () => {
  const pieces = [];
  for (let i = 0; i < 50_000; i++) pieces.push(s(`${i}`, i ? `${i - 1}` : '', 'a', 'n', i, 100_000 - i));
  const trace = buildTrace(pieces);
  correctSkew(trace, true);
  selfTimes(trace);
  equal(trace.depth, 49_999);
  criticalPath(trace);
  equal(visibleRows(trace, all()).length, 50_000);
  equal(flameBoxes(pathTree(trace), null, 0).length, 50_000);
};
tests['a span without time stands at its parent'] = () => {
  const trace = buildTrace([s('1', '', 'a', 'root', 5, 10), s('2', '1', 'a', 'x', null, null)]);
  equal([trace.spans[1].start - at, trace.spans[1].open, trace.open], [5, false, 0]);
};
tests['open spans end now, or at the last sign of the trace'] = () => {
  const trace = buildTrace([s('1', '', 'a', 'root', 0, null), s('2', '1', 'a', 'x', 10, 20)]);
  equal(trace.open, 1);
  growOpen(trace, at + 500);
  equal([trace.spans[0].end - at, trace.duration], [500, 500]);
  growOpen(trace, at + 3600e6);
  if (trace.duration > 40) throw new Error(`have ${trace.duration}`);
};
tests['skew moves the server and what is below it, and back'] = () => {
  const pieces = call();
  pieces[2].timestamp -= 1000;
  pieces.push(s('5', '3', 'api', 'query', 25 - 1000, 10));
  const trace = buildTrace(pieces);
  equal(correctSkew(trace, true), [{ service: 'api', by: -1000, spans: 2 }]);
  const start = (name) => trace.spans.find((x) => x.name === name).start - at;
  equal([trace.spans[2].start - at, start('query'), trace.start - at, trace.duration], [20, 25, 0, 100]);
  equal(correctSkew(trace, false).length, 1);
  equal([start('query'), trace.duration], [-975, 1080]);
};
tests['a server that only ends after its client is no skew'] = () => {
  const pieces = call();
  pieces[2].duration = 500;
  equal(correctSkew(buildTrace(pieces), true), []);
};
tests['skew of a second hop adds up'] = () => {
  const pieces = [s('1', '', 'a', 'c', 0, 100, { kind: 'CLIENT' }),
    s('2', '1', 'b', 's', 10_010, 80, { kind: 'SERVER' }),
    s('3', '2', 'b', 'c', 10_020, 60, { kind: 'CLIENT' }),
    s('4', '3', 'd', 's', -4970, 40, { kind: 'SERVER' })];
  const trace = buildTrace(pieces);
  correctSkew(trace, true);
  equal(trace.spans.map((x) => [x.service, x.start - at]), [['a', 0], ['b', 10], ['b', 20], ['d', 30]]);
};
tests['the critical path goes back from the end'] = () => {
  const trace = buildTrace([s('1', '', 'a', 'root', 0, 100), s('2', '1', 'a', 'early', 10, 30),
    s('3', '1', 'a', 'beside', 15, 20), s('4', '1', 'a', 'late', 50, 40),
    s('5', '4', 'a', 'inner', 60, 500), s('6', '1', 'a', 'after', 120, 10)]);
  const path = criticalPath(trace);
  const of = (name) => (path.get(trace.spans.find((x) => x.name === name)) || [])
    .map(([a, b]) => [a - at, b - at]);
  equal(of('root'), [[90, 100], [40, 50], [0, 10]]);
  equal([of('early'), of('beside'), of('late'), of('inner'), of('after')],
    [[[10, 40]], [], [[50, 60]], [[60, 90]], []]);
  let sum = 0;
  for (const segments of path.values()) for (const [a, b] of segments) sum += b - a;
  equal(sum, 100, 'the path covers the root');
};
tests['the critical path stays within a span whose child began before it'] = () => {
  const trace = buildTrace([s('1', '', 'a', 'root', 50, 50), s('2', '1', 'a', 'early', 10, 60),
    s('3', '1', 'a', 'other', 5, 20)]);
  const path = criticalPath(trace);
  const of = (name) => (path.get(trace.spans.find((x) => x.name === name)) || [])
    .map(([a, b]) => [a - at, b - at]);
  equal([of('root'), of('early'), of('other')], [[[70, 100]], [[10, 70]], []]);
};
tests['self time leaves out what children cover, once'] = () => {
  const trace = buildTrace([s('1', '', 'a', 'root', 0, 100), s('2', '1', 'a', 'x', 10, 30),
    s('3', '1', 'a', 'y', 20, 30), s('4', '1', 'a', 'z', 90, 50)]);
  selfTimes(trace);
  equal(trace.spans.map((x) => x.self), [50, 30, 30, 50]);
};

const all = (more) => ({ collapsed: new Set(), hidden: null, fold: false, unfolded: new Set(),
  only: null, ...more });

function many() {
  const pieces = [s('r', '', 'a', 'root', 0, 1000)];
  for (let i = 0; i < 12; i++) pieces.push(s(`x${i}`, 'r', 'a', 'x', i * 10, i + 1,
    i === 3 ? { tags: { error: '' } } : {}));
  pieces.push(s('y', 'r', 'a', 'y', 500, 10));
  return buildTrace(pieces);
}
tests['siblings of one name are folded'] = () => {
  const trace = many();
  const folded = groups(trace.root.children, 'r');
  equal(folded.size, 12);
  const [group] = new Set(folded.values());
  const { count: n, p50, p90, max, errors, start, end } = groupStats(group);
  equal([n, p50, p90, max, errors, start - at, end - at], [12, 6, 11, 12, 1, 0, 122]);
  const rows = visibleRows(trace, all({ fold: true }));
  equal(rows.map((r) => [r.span.name, r.group ? r.group.spans.length : 0, r.depth]),
    [['root', 0, 0], ['x', 12, 1], ['y', 0, 1]]);
  const open = visibleRows(trace, all({ fold: true, unfolded: new Set([group.key]) }));
  equal([open.length, open[2].depth], [15, 2]);
};
tests['collapsed spans hide what is below'] = () => {
  const trace = buildTrace(call());
  const rows = visibleRows(trace, all({ collapsed: new Set([trace.spans[1]]) }));
  equal(rows.map((r) => r.span.name), ['root', 'call', 'late']);
};
tests['children of pruned spans move up'] = () => {
  const trace = buildTrace(call());
  const rows = (prune) => visibleRows(trace, all({ hidden: pruner(trace, prune) }))
    .map((r) => `${r.depth} ${r.span.service} ${r.span.name}`);
  equal(rows({ kinds: ['CLIENT'] }), ['0 web root', '1 api call', '1 web late']);
  equal(rows({ services: ['web'] }), ['0 api call']);
  equal(rows({ share: 0.25 }), ['0 web root', '1 web call', '2 api call']);
  equal(pruner(trace, {}), null);
};
tests['pruning by share keeps errors and open spans'] = () => {
  const trace = buildTrace([...call(), s('5', '1', 'web', 'bad', 0, 1, { tags: { error: '' } }),
    s('6', '1', 'web', 'open', 1, null)]);
  const hidden = pruner(trace, { share: 0.5 });
  equal(names(trace.spans.filter((x) => !hidden(x))), ['root', 'bad', 'open', 'call']);
};
tests['only matches and their ancestors'] = () => {
  const trace = buildTrace(call());
  const only = withAncestors(find(trace.spans, 'api'));
  equal(visibleRows(trace, all({ only })).map((r) => r.span.name), ['root', 'call', 'call']);
};
tests['find looks in all fields, for all words'] = () => {
  const { spans } = buildTrace([s('abc', '', 'web', 'Root', 0, 100, { kind: 'SERVER',
    remoteEndpoint: { serviceName: 'peer', ipv4: '10.1.2.3', port: 8080 },
    tags: { 'http.path': '/A b' }, annotations: [{ timestamp: at, value: 'Flushed' }] })]);
  const hits = ['abc', 'WEB', 'root', 'server', 'peer', '10.1.2.3', ':8080', 'http.path=/a',
    '"/a b"', 'flushed', 'flushed peer'];
  for (const query of hits) equal(find(spans, query).length, 1, query);
  for (const query of ['zzz', 'flushed zzz', '']) equal(find(spans, query).length, 0, query);
};
tests['statistics by operation'] = () => {
  const trace = many();
  selfTimes(trace);
  const list = operations(trace);
  equal(list.map((o) => [o.name, o.count, o.errors, o.sum]), [['root', 1, 0, 1000], ['x', 12, 1, 78],
    ['y', 1, 0, 10]]);
  equal(list[1].longest.id, 'x11');
  equal(sortBy(list, 'name').map((o) => o.name), ['root', 'x', 'y']);
  equal(sortBy(list, 'count', true).map((o) => o.count), [1, 1, 12]);
};
tests['percentiles are by the nearest rank'] = () => {
  equal([0, 0.5, 0.9, 1].map((p) => percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], p)), [1, 5, 9, 10]);
  equal(percentile([], 0.5), undefined);
  equal(summarize([3, 1, 2]).p50, 2);
};
tests['the flame graph is as wide as the time below'] = () => {
  const trace = buildTrace(call());
  selfTimes(trace);
  const tree0 = pathTree(trace);
  const boxes = flameBoxes(tree0, null, 0);
  const of = (name, depth) => boxes.find((b) => b.node.name === name && b.depth === depth);
  equal([of('root', 0).width, of('call', 1).width, of('call', 2).width, of('late', 1).width],
    [1, 0.5, 0.3, 0.2]);
  equal(flameBoxes(tree0, null, 0.25).map((b) => b.node.name), ['root', 'call', 'call']);
  const zoomed = flameBoxes(tree0, of('call', 1).node, 0);
  equal(zoomed.map((b) => [b.node.name, b.depth, b.width]), [['root', 0, 1], ['call', 1, 1],
    ['call', 2, 0.6]]);
};
tests['two traces are compared by path'] = () => {
  const a = buildTrace(call());
  const pieces = call().slice(0, 3);
  pieces.push(s('9', '1', 'web', 'new', 1, 5), s('8', '1', 'web', 'call', 61, 7, { kind: 'CLIENT' }));
  const b = buildTrace(pieces);
  const rows = comparePaths(pathTree(a), pathTree(b));
  equal(rows.map((r) => [r.name, r.change, r.delta]), [['root', 'same', 0], ['call', 'more', 7],
    ['call', 'same', 0], ['late', 'removed', -20], ['new', 'added', 5]]);
};
tests['Zipkin JSON comes back as it was'] = () => {
  const list = call().map((p) => ({ ...p, traceId: '00000000000000000000000000000abc'.slice(-16),
    id: p.id.padStart(16, '0'), ...(p.parentId ? { parentId: p.parentId.padStart(16, '0') } : {}) }));
  const out = toZipkin(buildTrace(fromZipkin(list)));
  const key = (x) => JSON.stringify(Object.entries(x).sort());
  equal(out.map(key).sort(), list.map(key).sort());
};
tests['Zipkin JSON: ids, times and names are made regular'] = () => {
  const [span] = fromZipkin([{ traceId: 'ABC', id: 'D', parentId: 'E', name: 'GET', timestamp: '12',
    duration: -3, annotations: null }]);
  equal([span.traceId, span.id, span.parentId, span.name, span.timestamp, span.duration,
    span.annotations], ['0000000000000abc', '000000000000000d', '000000000000000e', 'get', 12,
    undefined, []]);
};
tests['OTLP JSON is read'] = () => {
  const [span] = fromOTLP({ resourceSpans: [{
    resource: { attributes: [{ key: 'service.name', value: { stringValue: 'api' } },
      { key: 'host', value: { stringValue: 'h' } }] },
    scopeSpans: [{ scope: { name: 'lib', version: '1' }, spans: [{
      traceId: 'AA', spanId: 'BB', parentSpanId: 'CC', name: 'get', kind: 3,
      startTimeUnixNano: '1544712660300123456', endTimeUnixNano: '1544712660300523456',
      attributes: [{ key: 'n', value: { intValue: '5' } }, { key: 'peer.service', value:
        { stringValue: 'DB' } }, { key: 'l', value: { arrayValue: { values: [{ boolValue: true }] } } }],
      events: [{ timeUnixNano: '1544712660300200000', name: 'e', attributes: [{ key: 'k', value:
        { doubleValue: 1.5 } }] }],
      status: { code: 2, message: 'bad' } }] }] }] });
  equal([span.timestamp, span.duration, span.kind, span.parentId, span.localEndpoint.serviceName,
    span.remoteEndpoint.serviceName], [1544712660300123, 400, 'CLIENT', 'CC', 'api', 'db']);
  equal(span.tags, { host: 'h', n: '5', 'peer.service': 'DB', l: '["true"]', 'otel.scope.name': 'lib',
    'otel.scope.version': '1', 'otel.status_code': 'ERROR', error: 'bad' });
  equal(span.annotations, [{ timestamp: 1544712660300200, value: 'e {"k":"1.5"}' }]);
};
tests['a span of OTLP that takes no time is not open'] = () => {
  const of = (more) => fromOTLP({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'a', spanId: 'b',
    startTimeUnixNano: '5000', ...more }] }] }] })[0];
  equal([of({ endTimeUnixNano: '5000' }).duration, of({}).duration], [1, undefined]);
  equal(of({}).localEndpoint.serviceName, 'unknown_service');
};
tests['OTLP JSON goes out and comes back'] = () => {
  const pieces = fromZipkin([...call(), s('5', '1', 'web', 'open', 3, null)].map((p) =>
    ({ ...p, traceId: 'abc' })));
  const trace = buildTrace(pieces);
  const back = buildTrace(fromZipkin(fromOTLP(toOTLP(trace))));
  equal(tree(back), tree(trace));
  equal(back.spans.map((x) => [x.service, x.kind, x.timestamp, x.duration, x.open]),
    trace.spans.map((x) => [x.service, x.kind, x.timestamp, x.duration, x.open]));
};
tests['files: lists, lists of traces, lines, and what is none'] = () => {
  const one = { traceId: 'a', id: 'b' };
  for (const data of [[one], [[one], [one]], one, { resourceSpans: toOTLP(buildTrace(
    fromZipkin([one]))).resourceSpans }]) {
    if (parseSpans(JSON.stringify(data)).length === 0) throw new Error('no spans');
  }
  equal(parseSpans(`${JSON.stringify(one)}\n${JSON.stringify([one])}\n`).length, 2);
  fails(() => parseSpans('{'), 'not JSON');
  fails(() => parseSpans('{"a":1}'), 'neither');
  fails(() => parseSpans('[{"id":"1"}]'), 'no traceId');
  fails(() => parseSpans('[]'), 'no spans');
};
tests['filters are the same after a turn through the address'] = () => {
  const filter = fromParams(new URLSearchParams(
    'service=a&name=b&error=true&min=1.5s&tag=k%3Dv&tag=x&text=t'));
  equal(filter, { service: 'a', name: 'b', error: true, min: 1_500_000, tags: ['k=v', 'x'], text: 't' });
  equal(fromParams(toParams(filter)), filter);
  equal(chips(filter).length, 7);
  equal(chips(filter)[4].without.tags, ['x']);
  equal([decidable(filter), decidable({ ...filter, name: '', tags: [], text: '' })], [false, true]);
};
tests['summaries are matched'] = () => {
  const none = fromParams(new URLSearchParams());
  const summary = { errors: 1, duration: 500, services: [{ name: 'a' }] };
  const ok = (change) => matchesSummary({ ...none, ...change }, summary);
  equal([ok({}), ok({ error: true }), ok({ min: 501 }), ok({ min: 500 }), ok({ service: 'a' }),
    ok({ service: 'b' })], [true, true, false, true, true, false]);
};
tests['calls are counted once, by the server'] = () => {
  const named = call();
  named[1].remoteEndpoint = { serviceName: 'another name of api' };
  equal(dependencies([buildTrace(named)]).map((l) => l.child), ['api']);
  const trace = buildTrace([...call(), s('5', '3', 'api', 'query', 25, 3, { kind: 'CLIENT',
    remoteEndpoint: { serviceName: 'db' }, tags: { error: 'x' } })]);
  equal(dependencies([trace, trace]), [
    { parent: 'web', child: 'api', callCount: 2, errorCount: 0 },
    { parent: 'api', child: 'db', callCount: 2, errorCount: 2 }]);
};
tests['the graph has callers to the left, also in circles'] = () => {
  const link = (parent, child, callCount = 1) => ({ parent, child, callCount });
  const links = [link('a', 'b'), link('b', 'c', 9), link('c', 'a'), link('a', 'd'), link('d', 'd')];
  const { nodes, layers } = layout([link('x', 'a'), ...links]);
  const layer = Object.fromEntries(nodes.map((n) => [n.name, n.layer]));
  equal([layer, layers], [{ x: 0, a: 1, b: 2, d: 2, c: 3 }, 4]);
  equal(nodes.length, new Set(nodes.map((n) => `${n.layer} ${n.row}`)).size, 'places');
  equal(neighbours(links, 'd').length, 2);
  const { links: kept, left } = busiest(links, 2);
  equal([kept.map((l) => l.parent + l.child), left], [['bc'], 2]);
  equal(busiest(links, 9, 1).links.map((l) => l.parent + l.child), ['bc']);
  equal([busiest(links, 9).links.length, busiest(links, 9).left], [5, 0]);
  equal(layout([link('a', 'b'), link('b', 'a')]).layers, 2);
};
tests['durations and numbers as text'] = () => {
  equal([0, 999, 1000, 12_345, 999_960, 1_500_000, 61e6, 3_660e6, -5, undefined].map(duration),
    ['0 µs', '999 µs', '1.00 ms', '12.3 ms', '1.00 s', '1.50 s', '1 min 1 s', '1 h 1 min', '−5 µs',
      '–']);
  equal(['100ms', '1.5 s', '200us', '7', '2m', '1h'].map(parseDuration),
    [1e5, 1.5e6, 200, 7000, 12e7, 36e8]);
  equal(Number.isNaN(parseDuration('fast')), true);
  equal([count(1234567), count(999), plural(1, 'span'), plural(2, 'span'), percent(0.0005),
    percent(0.052), percent(0.5), percent(0)], ['1,234,567', '999', '1 span', '2 spans', '<0.1%',
    '5.2%', '50%', '0%']);
  equal(/^\d\d:\d\d:\d\d\.000$/.test(clock(at)), true);
  equal([1, 3, 70, 999].map(niceStep), [1, 5, 100, 1000]);
};
tests['losses as sentences'] = () => {
  equal(lossTexts({ senders: [{ service: 'a', since: 0, lost: [{ reason: 'queue full', spans: 1 }] },
    { service: 'b', since: 0, lost: [{ reason: 'x', spans: 2 }, { reason: 'y', spans: 3 },
      { reason: 'z', spans: 0 }] }, { service: 'c', lost: [] }],
  collector: { evictedTraces: 2, evictedSpans: 1500, refused: [{ reason: 'bad id', spans: 4 }] } }), [
    'a lost 1 span: queue full', 'b lost 5 spans: x 2, y 3',
    'The collector evicted its oldest 2 traces (1,500 spans): memory full',
    'The collector refused 4 spans: bad id']);
  equal(lossTexts({ senders: [], collector: {} }), []);
};
tests['a saved page has its spans as data only'] = () => {
  const end = '<' + '/script>';
  const template = `x data-saved="0">[]${end}\n<script>'[]'${end}`;
  const out = onePage(template, [{ name: end + '<!--' }], 42);
  equal(out.includes('data-saved="42">[{"name":"\\u003c/script>\\u003c!--"}]' + end), true, out);
  equal(out.split(end).length, 3);
};
tests['a file answers as the collector does'] = async () => {
  const local = new LocalSource(fromZipkin([...call(), s('9', '1', 'web', 'open', 5, null)]
    .map((p) => ({ ...p, traceId: 'abc' }))), 'f');
  const none = fromParams(new URLSearchParams());
  const { summaries } = await local.summaries(none);
  equal(summaries.map((x) => [x.traceId, x.rootService, x.rootName, x.spans, x.open, x.duration]),
    [['0000000000000abc', 'web', 'root', 5, 1, 100]]);
  equal(await local.services(), ['api', 'web']);
  equal(await local.spanNames('web'), ['call', 'late', 'open', 'root']);
  equal((await local.running()).map((x) => x.name), ['open']);
  const stats = await local.durations('web', 'call');
  equal([stats.count, stats.p50, stats.histogram.reduce((n, b) => n + b.count, 0)], [1, 50, 1]);
  equal((await local.summaries({ ...none, text: 'zzz' })).summaries.length, 0);
  equal((await local.summaries({ ...none, service: 'web', name: 'late' })).summaries.length, 1);
  equal(await local.trace('ffff'), null);
};
tests['a service has one colour, and many have several'] = () => {
  equal(serviceColor('api', false), serviceColor('api', false));
  const colors = new Set();
  for (let i = 0; i < 100; i++) colors.add(serviceColor(`service-${i}`, true));
  if (colors.size < 25) throw new Error(`have ${colors.size} colours of 30`);
};

// random returns a function that picks from a list; the same seed picks the same.
function random(seed) {
  let state = seed;
  return (list) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return list[state % list.length];
  };
}

// pieces makes spans with fields that are odd, missing or in conflict.
function oddPieces(pick) {
  const ids = ['1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c'];
  const list = [];
  for (let i = pick(ids.map((_, n) => n + 1)) * 2; i > 0; i--) {
    list.push({
      traceId: pick(['a', 'A', 'abc']), id: pick(ids), parentId: pick([undefined, ...ids]),
      timestamp: pick([at, at + 7, at + 300, at - 1e9, 0, -5, null, `${at + 5}`, 5]),
      duration: pick([1, 50, 900, 0, -1, null, '7', 1e15]), shared: pick([undefined, true]),
      kind: pick(['CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER', 'odd', null]),
      name: pick(['x', 'y', 'Z', null, 5]), tags: pick([null, { a: 1 }, { error: '' }, { o: {} }]),
      localEndpoint: pick([{ serviceName: 'a' }, { serviceName: 'b', ipv4: '1.2.3.4' }, {}, null]),
      remoteEndpoint: pick([undefined, { serviceName: 'c' }, null]),
      annotations: pick([undefined, null, [], [{ timestamp: at + 9, value: 'v' }], [{ value: 'w' }],
        [{ timestamp: at }]]),
    });
  }
  return parseSpans(JSON.stringify(list));
}
tests['odd spans in any arrangement make a tree'] = () => {
  const pick = random(1);
  for (let turn = 0; turn < 1000; turn++) {
    const trace = buildTrace(oddPieces(pick));
    const size = trace.spans.length;
    for (const on of [true, false, true]) {
      correctSkew(trace, on);
      growOpen(trace, at + 5000);
      selfTimes(trace);
      criticalPath(trace);
    }
    equal([trace.spans.length, new Set(trace.spans).size], [size, size], `turn ${turn}`);
    for (const span of trace.spans) {
      const ok = Number.isFinite(span.start) && span.end >= span.start && span.self >= 0 &&
        (!span.parent || span.depth === span.parent.depth + 1);
      if (!ok) throw new Error(`turn ${turn}: ${span.start} to ${span.end}, self ${span.self}`);
    }
    equal(visibleRows(trace, all()).length, size, 'rows');
    visibleRows(trace, all({ fold: true, hidden: pruner(trace, { services: ['a'], share: 0.1 }) }));
    const wide = flameBoxes(pathTree(trace), null, 0).find((b) => b.x < -1e-9 || b.x + b.width > 1.000001);
    equal(wide, undefined, 'flame');
    layout(dependencies([trace]));
    equal(buildTrace(fromZipkin(toZipkin(trace))).count, trace.count, 'Zipkin');
    buildTrace(fromZipkin(fromOTLP(toOTLP(trace))));
  }
};

export async function run() {
  const results = [];
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      results.push({ name, error: '' });
    } catch (error) {
      results.push({ name, error: `${error.message}\n${error.stack}` });
    }
  }
  return results;
}
