package tracer

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// A baggageItem has a key that is a token of RFC 9110, and a value that is valid UTF-8.
type baggageItem struct {
	key, value string
	properties string // W3C's ";"-separated metadata as it came in
}

// A baggagePolicy says which items a tracer takes in, lets be set, and so sends.
type baggagePolicy struct {
	allow    []string // keys in any case; all when empty
	maxItems int
	maxBytes int      // of the header
	tags     []string // keys whose items become tags of spans
}

func (b *baggagePolicy) allows(key string) bool {
	return len(b.allow) == 0 || slices.ContainsFunc(b.allow, func(k string) bool { return strings.EqualFold(k, key) })
}

// withBaggage returns a copy of the context on which key has the value, or the context itself if the policy has no place
// for the item.
func (p *propagation) withBaggage(c *SpanContext, key, value string) *SpanContext {
	if !p.baggage.allows(key) || !isToken(key) || len(value) > p.baggage.maxBytes {
		p.dropped.Add(1)
		return c
	}
	var with carried
	if c.carried != nil {
		with.tracestate = c.carried.tracestate
		with.baggage = slices.DeleteFunc(slices.Clone(c.carried.baggage), func(i baggageItem) bool { return i.key == key })
	}
	before := len(with.baggage)
	with.baggage, with.header = p.pack(append(with.baggage, baggageItem{key: key, value: strings.ToValidUTF8(value, "\uFFFD")}))
	if len(with.baggage) == before {
		return c
	}
	next := *c
	next.carried = &with
	return &next
}

// pack writes the header of the items, and leaves out those that the limits have no place for.
func (p *propagation) pack(items []baggageItem) (kept []baggageItem, header string) {
	b := make([]byte, 0, 256)
	kept = items[:0]
	for _, item := range items {
		at := len(b)
		if at > 0 {
			b = append(b, ',')
		}
		if b = item.append(b); len(kept) == p.baggage.maxItems || len(b) > p.baggage.maxBytes {
			b = b[:at]
			p.dropped.Add(1)
			continue
		}
		kept = append(kept, item)
	}
	return kept, string(b)
}

func (i baggageItem) append(b []byte) []byte {
	b = append(append(b, i.key...), '=')
	for at := range len(i.value) {
		// Some readers take a plus sign for a space.
		if c := i.value[at]; isBaggageOctet(c) && c != '%' && c != '+' {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHexDigits[c>>4], upperHexDigits[c&0xf])
		}
	}
	if i.properties != "" {
		b = append(append(b, ';'), i.properties...)
	}
	return b
}

const upperHexDigits = "0123456789ABCDEF"

// tagBaggage puts the items that the policy names on a span that starts.
func (p *propagation) tagBaggage(s *span) {
	for _, key := range p.baggage.tags {
		p.tagItem(s, key)
	}
}

// tagItem puts the item on the span if there is one and the policy names it. It may have come from outside: it is a tag
// without a meaning of its own, whatever its key. The caller holds the lock, or is the only one that knows the span.
func (p *propagation) tagItem(s *span, key string) {
	if s.done || s.ctx.carried == nil || !slices.Contains(p.baggage.tags, key) {
		return
	}
	for _, item := range s.ctx.carried.baggage {
		if item.key == key {
			s.putTag(tag{key: limited(key, maxKey), value: limited(item.value, maxValue)})
		}
	}
}

// readBaggage returns the items of the W3C header, then those of the headers with a prefix whose keys it does not have.
func (e *extractor) readBaggage(p *propagation) ([]baggageItem, string) {
	if len(e.baggage) == 0 && len(e.prefixed) == 0 {
		return nil, ""
	}
	header := strings.Join(e.baggage, ",")
	room := min(strings.Count(header, ",")+1+len(e.prefixed), p.baggage.maxItems)
	items, ok := p.parseBaggage(make([]baggageItem, 0, room), header)
	if !ok {
		e.malformed++
	}
	slices.SortStableFunc(e.prefixed, func(a, b baggageItem) int { return cmp.Compare(a.key, b.key) }) // a map gave the order
	own := items
	for _, item := range e.prefixed {
		if !isToken(item.key) {
			e.malformed++
		} else if !slices.ContainsFunc(own, func(i baggageItem) bool { return strings.EqualFold(i.key, item.key) }) {
			items = p.put(items, item)
		}
	}
	return p.pack(items)
}

// put adds an item that the policy has a place for. Of several with the same key the last counts.
func (p *propagation) put(items []baggageItem, item baggageItem) []baggageItem {
	if i := slices.IndexFunc(items, func(i baggageItem) bool { return i.key == item.key }); i >= 0 {
		items[i] = item
		return items
	}
	if len(items) >= p.baggage.maxItems || !p.baggage.allows(item.key) {
		p.dropped.Add(1)
		return items
	}
	return append(items, item)
}

// parseBaggage appends the members of W3C's header to items. If any member is malformed, nothing of the header is taken.
func (p *propagation) parseBaggage(items []baggageItem, header string) (all []baggageItem, ok bool) {
	for member := range strings.SplitSeq(header, ",") {
		if member = trimOWS(member); member == "" {
			continue
		}
		item, ok := parseMember(member)
		if !ok {
			return nil, false
		}
		items = p.put(items, item)
	}
	return items, true
}

// parseMember reads {key}={value}, with properties behind it, each behind a semicolon.
func parseMember(s string) (item baggageItem, ok bool) {
	pair, properties, more := strings.Cut(s, ";")
	key, value, ok := strings.Cut(pair, "=")
	item.key, value = trimOWS(key), trimOWS(value)
	if !ok || !isToken(item.key) || !isBaggageValue(value) {
		return item, false
	}
	value, err := url.PathUnescape(value)
	item.value = strings.ToValidUTF8(value, "\uFFFD")
	if !more || err != nil {
		return item, err == nil
	}
	for property := range strings.SplitSeq(properties, ";") {
		key, value, _ := strings.Cut(property, "=")
		if !isToken(trimOWS(key)) || !isBaggageValue(trimOWS(value)) {
			return item, false
		}
	}
	// White space can only be where it says nothing.
	item.properties = strings.NewReplacer(" ", "", "\t", "").Replace(properties)
	return item, true
}

// seePrefixed keeps the baggage of other tracers, an item a header: uberctx- is Jaeger's prefix, baggage- Brave's, and
// ot-baggage- that of OpenTracing's own tracers. Their keys have no case.
func (e *extractor) seePrefixed(key, value string) {
	if len(key) <= len("baggage-") {
		return
	}
	switch key[0] {
	case 'u', 'U':
		if name, ok := cutPrefixFold(key, "uberctx-"); ok {
			if plain, err := url.QueryUnescape(value); e.http && err == nil {
				value = plain // Jaeger encodes for HTTP only
			}
			e.keep(name, value)
		}
	case 'b', 'B':
		if name, ok := cutPrefixFold(key, "baggage-"); ok {
			e.keep(name, value)
		}
	case 'o', 'O':
		if name, ok := cutPrefixFold(key, "ot-baggage-"); ok {
			e.keep(name, value)
		}
	}
}

func (e *extractor) keep(name, value string) {
	e.prefixed = append(e.prefixed, baggageItem{key: strings.ToLower(name), value: strings.ToValidUTF8(value, "\uFFFD")})
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) <= len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// isToken reports whether s is a token of RFC 9110.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

func isBaggageValue(s string) bool {
	for i := range len(s) {
		if !isBaggageOctet(s[i]) {
			return false
		}
	}
	return true
}

// isBaggageOctet reports whether W3C Baggage has c in a value as it is.
func isBaggageOctet(c byte) bool {
	return '!' <= c && c <= '~' && c != '"' && c != ',' && c != ';' && c != '\\'
}
