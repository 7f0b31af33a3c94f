package propagation

import (
	"slices"
	"strings"

	"bookservice/tracer/internal/rfc9110"
)

// A foreignItem is an item of another tracer's baggage. It is not decoded yet.
type foreignItem struct {
	key, value string
	form       form
}

// A form says how an item was written.
type form uint8

const (
	formPlain     form = iota // a header with a prefix, the value as it is
	formEncoded               // the same, but Jaeger's clients may have encoded the value
	formDelimited             // a member of jaeger-baggage: the case of the key is known
)

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
			e.addForeign(foreignItem{name, value, formEncoded})
		}
	case 'b', 'B':
		if name, ok := cutPrefixFold(key, "baggage-"); ok {
			e.addForeign(foreignItem{name, value, formPlain})
		}
	case 'o', 'O':
		if name, ok := cutPrefixFold(key, "ot-baggage-"); ok {
			e.addForeign(foreignItem{name, value, formPlain})
		}
	}
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) <= len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// addForeign keeps an item that the policy allows, and at most twice the allowed number of items.
// The carrier may be a map, which has no order: if there are more items than are allowed, those
// with the first keys are kept.
func (e *extractor) addForeign(item foreignItem) {
	switch limit := e.policy.MaxItems; {
	case !rfc9110.IsToken(item.key):
		e.malformed++
	case limit == 0 || !e.policy.allows(item.key):
		e.dropped++
	default:
		e.foreign = append(e.foreign, item)
		if len(e.foreign) >= 2*limit {
			e.sortForeign()
		}
	}
}

// sortForeign sorts the items by key and drops those beyond the allowed number. Of items with the
// same key the last one stays.
func (e *extractor) sortForeign() {
	slices.SortStableFunc(e.foreign, func(a, b foreignItem) int { return cmpFold(a.key, b.key) })
	kept := e.foreign[:0]
	for i, item := range e.foreign {
		if i+1 == len(e.foreign) || cmpFold(item.key, e.foreign[i+1].key) != 0 {
			kept = append(kept, item)
		}
	}
	if over := len(kept) - e.policy.MaxItems; over > 0 {
		e.dropped += uint64(over)
		kept = kept[:e.policy.MaxItems]
	}
	clear(e.foreign[len(kept):])
	e.foreign = kept
}

// cmpFold compares without regard to the case of ASCII letters.
func cmpFold(a, b string) int {
	for i := range min(len(a), len(b)) {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// addForeignItems appends the items of other tracers to the scratch header. It reports whether
// there was one.
func (e *extractor) addForeignItems() (added bool) {
	e.readJaegerBaggage()
	e.sortForeign()
	w3c, left := len(e.keys), maxListBytes
	for _, item := range e.foreign {
		sameKey := func(k string) bool { return strings.EqualFold(k, item.key) }
		switch {
		case slices.ContainsFunc(e.keys[:w3c], sameKey):
		case len(e.keys) == e.policy.MaxItems || len(item.value) > left || !e.appendForeign(item):
			e.dropped++
		default:
			left -= len(item.value)
			added = true
		}
	}
	return added
}

func (e *extractor) appendForeign(item foreignItem) (ok bool) {
	key, value := item.key, item.value
	if item.form != formDelimited {
		key = strings.ToLower(key)
	}
	if item.form == formEncoded {
		value = e.decodeJaeger(value)
	}
	if e.buf, ok = appendMember(e.buf, key, validUTF8(value), e.policy.MaxBytes); ok {
		e.keys = append(e.keys, key)
	}
	return ok
}
