package propagation

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"bookservice/tracer/internal/rfc9110"
	"bookservice/tracer/internal/spancontext"
)

// A BaggagePolicy limits the baggage items that are extracted, set and injected.
type BaggagePolicy struct {
	Allow    []string // keys, in any case; empty allows all
	MaxItems int
	MaxBytes int // of the header
}

func (b *BaggagePolicy) allows(key string) bool {
	return len(b.Allow) == 0 ||
		slices.ContainsFunc(b.Allow, func(k string) bool { return strings.EqualFold(k, key) })
}

// SetBaggage returns a copy of from, which may be nil, in which the item with this key has the
// value. It reports false if the policy refuses the item.
func (p *Propagator) SetBaggage(
	from *spancontext.Propagated, key, value string,
) (with *spancontext.Propagated, ok bool) {
	if !p.baggage.allows(key) || !rfc9110.IsToken(key) || len(value) > p.baggage.MaxBytes {
		p.dropped.Add(1)
		return nil, false
	}
	with = &spancontext.Propagated{}
	if from != nil {
		with.Tracestate = from.Tracestate
		with.Baggage = slices.DeleteFunc(slices.Clone(from.Baggage),
			func(i spancontext.BaggageItem) bool { return i.Key == key })
	}
	before := len(with.Baggage)
	item := spancontext.BaggageItem{Key: key, Value: validUTF8(value)}
	with.Baggage, with.Header = p.pack(append(with.Baggage, item))
	return with, len(with.Baggage) > before
}

func validUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// pack encodes the header. Items beyond the limits are left out and counted.
func (p *Propagator) pack(
	items []spancontext.BaggageItem,
) (kept []spancontext.BaggageItem, header string) {
	b := make([]byte, 0, 256)
	kept = items[:0]
	for _, item := range items {
		at := len(b)
		if at > 0 {
			b = append(b, ',')
		}
		b = appendMember(b, item)
		if len(kept) == p.baggage.MaxItems || len(b) > p.baggage.MaxBytes {
			b = b[:at]
			p.dropped.Add(1)
			continue
		}
		kept = append(kept, item)
	}
	return kept, string(b)
}

func appendMember(b []byte, item spancontext.BaggageItem) []byte {
	b = append(append(b, item.Key...), '=')
	for at := range len(item.Value) {
		// The plus sign is encoded because some readers decode it to a space.
		if c := item.Value[at]; isBaggageOctet(c) && c != '%' && c != '+' {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHexDigits[c>>4], upperHexDigits[c&0xf])
		}
	}
	if item.Properties != "" {
		b = append(append(b, ';'), item.Properties...)
	}
	return b
}

const upperHexDigits = "0123456789ABCDEF"

// readBaggage returns the items of the W3C header, then those prefixed headers whose keys the W3C
// header does not have.
func (e *extractor) readBaggage(p *Propagator) ([]spancontext.BaggageItem, string) {
	if len(e.baggage) == 0 && len(e.prefixed) == 0 {
		return nil, ""
	}
	header := strings.Join(e.baggage, ",")
	room := min(strings.Count(header, ",")+1+len(e.prefixed), p.baggage.MaxItems)
	items, ok := p.parseBaggage(make([]spancontext.BaggageItem, 0, room), header)
	if !ok {
		e.malformed++
	}
	// The carrier may be a map, which has no order.
	slices.SortStableFunc(e.prefixed,
		func(a, b spancontext.BaggageItem) int { return cmp.Compare(a.Key, b.Key) })
	w3c := items
	for _, item := range e.prefixed {
		sameKey := func(i spancontext.BaggageItem) bool {
			return strings.EqualFold(i.Key, item.Key)
		}
		if !rfc9110.IsToken(item.Key) {
			e.malformed++
		} else if !slices.ContainsFunc(w3c, sameKey) {
			items = p.addItem(items, item)
		}
	}
	return p.pack(items)
}

// addItem appends an item that the policy allows. A repeated key replaces the earlier value.
func (p *Propagator) addItem(
	items []spancontext.BaggageItem, item spancontext.BaggageItem,
) []spancontext.BaggageItem {
	sameKey := func(i spancontext.BaggageItem) bool { return i.Key == item.Key }
	if i := slices.IndexFunc(items, sameKey); i >= 0 {
		items[i] = item
		return items
	}
	if len(items) >= p.baggage.MaxItems || !p.baggage.allows(item.Key) {
		p.dropped.Add(1)
		return items
	}
	return append(items, item)
}

// parseBaggage appends the members of W3C's header to items. One malformed member invalidates the
// whole header.
func (p *Propagator) parseBaggage(
	items []spancontext.BaggageItem, header string,
) (all []spancontext.BaggageItem, ok bool) {
	for member := range strings.SplitSeq(header, ",") {
		if member = trimOWS(member); member == "" {
			continue
		}
		item, ok := parseMember(member)
		if !ok {
			return nil, false
		}
		items = p.addItem(items, item)
	}
	return items, true
}

// parseMember reads {key}={value}, followed by properties that are separated by semicolons.
func parseMember(s string) (item spancontext.BaggageItem, ok bool) {
	pair, properties, more := strings.Cut(s, ";")
	key, value, ok := strings.Cut(pair, "=")
	item.Key, value = trimOWS(key), trimOWS(value)
	if !ok || !rfc9110.IsToken(item.Key) || !isBaggageValue(value) {
		return item, false
	}
	value, err := url.PathUnescape(value)
	item.Value = validUTF8(value)
	if !more || err != nil {
		return item, err == nil
	}
	for property := range strings.SplitSeq(properties, ";") {
		key, value, _ := strings.Cut(property, "=")
		if !rfc9110.IsToken(trimOWS(key)) || !isBaggageValue(trimOWS(value)) {
			return item, false
		}
	}
	// Tokens and values contain no white space; what is left of it is optional.
	item.Properties = strings.NewReplacer(" ", "", "\t", "").Replace(properties)
	return item, true
}

// visitBaggagePrefix records the baggage of other tracers, which has one header for each item:
// uberctx- is Jaeger's prefix, baggage- Brave's, and ot-baggage- that of OpenTracing's basic
// tracers. Their keys are case-insensitive.
func (e *extractor) visitBaggagePrefix(key, value string) {
	if len(key) <= len("baggage-") {
		return
	}
	switch key[0] {
	case 'u', 'U':
		if name, ok := cutPrefixFold(key, "uberctx-"); ok {
			if plain, err := url.QueryUnescape(value); e.http && err == nil {
				value = plain // Jaeger encodes values for HTTP only
			}
			e.addPrefixed(name, value)
		}
	case 'b', 'B':
		if name, ok := cutPrefixFold(key, "baggage-"); ok {
			e.addPrefixed(name, value)
		}
	case 'o', 'O':
		if name, ok := cutPrefixFold(key, "ot-baggage-"); ok {
			e.addPrefixed(name, value)
		}
	}
}

func (e *extractor) addPrefixed(name, value string) {
	item := spancontext.BaggageItem{Key: strings.ToLower(name), Value: validUTF8(value)}
	e.prefixed = append(e.prefixed, item)
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) <= len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

func isBaggageValue(s string) bool {
	for i := range len(s) {
		if !isBaggageOctet(s[i]) {
			return false
		}
	}
	return true
}

// isBaggageOctet reports whether W3C Baggage allows c in a value without encoding.
func isBaggageOctet(c byte) bool {
	return '!' <= c && c <= '~' && c != '"' && c != ',' && c != ';' && c != '\\'
}
