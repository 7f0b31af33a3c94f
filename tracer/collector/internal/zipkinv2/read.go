package zipkinv2

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Decoder reads lists of spans. Texts that come again and again, like names and keys, share their
// memory. A Decoder must not be used concurrently.
type Decoder struct {
	json        jsonReader
	seed        maphash.Seed
	texts       [1024]string
	endpoints   [256]*Endpoint
	tags        []Tag
	annotations []Annotation
}

// NewDecoder returns a decoder.
func NewDecoder() *Decoder { return &Decoder{seed: maphash.MakeSeed()} }

// maxShared is the length of the longest text that is looked up in the decoder's memory.
const maxShared = 64

// Text returns the text, with invalid UTF-8 replaced.
func (d *Decoder) Text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > maxShared {
		return toString(b)
	}
	slot := &d.texts[maphash.Bytes(d.seed, b)%uint64(len(d.texts))]
	if *slot != string(b) {
		text := toString(b)
		if text != string(b) {
			return text
		}
		*slot = text
	}
	return *slot
}

// Lower returns the text in lower case.
func (d *Decoder) Lower(b []byte) string {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf {
			return d.Text([]byte(lower(toString(b))))
		}
	}
	return d.Text(b)
}

// lower returns the text in lower case by Java's rules, which differ from Go's for two letters: a
// capital I with a dot, and a sigma at the end of a word.
func lower(s string) string {
	if !strings.ContainsAny(s, "\u0130\u03a3") {
		return strings.ToLower(s)
	}
	var b strings.Builder
	runes := []rune(s)
	letter := func(i int) bool { return i >= 0 && i < len(runes) && unicode.IsLetter(runes[i]) }
	for i, c := range runes {
		switch {
		case c == '\u0130':
			b.WriteString("i\u0307")
		case c == '\u03a3' && letter(i-1) && !letter(i+1):
			b.WriteRune('\u03c2')
		default:
			b.WriteRune(unicode.ToLower(c))
		}
	}
	return b.String()
}

// Lower returns the text in lower case as it is done for names of spans and services.
func Lower(s string) string { return lower(s) }

// Endpoint returns the endpoint, shared with earlier spans that have an equal one. It is nil if
// every field is absent.
func (d *Decoder) Endpoint(e Endpoint) *Endpoint {
	if e == (Endpoint{}) {
		return nil
	}
	slot := &d.endpoints[maphash.Comparable(d.seed, e)%uint64(len(d.endpoints))]
	if *slot == nil || **slot != e {
		*slot = &e
	}
	return *slot
}

// finish ends a span whose tags and annotations are in the decoder.
func (d *Decoder) finish(s *Span) *Span {
	if len(d.tags) > 0 {
		s.Tags = slices.Clone(d.tags)
	}
	if len(d.annotations) > 0 {
		s.Annotations = slices.Clone(d.annotations)
	}
	s.Finish()
	return s
}

// ReadJSON reads a list of spans. It returns all of them or an error.
func (d *Decoder) ReadJSON(data []byte) (spans []*Span, err error) {
	defer func() {
		panicked := recover()
		if panicked == nil {
			return
		}
		failure, ok := panicked.(*jsonError)
		if !ok {
			panic(panicked)
		}
		cause := failure.err.Error()
		if strings.Contains(cause, "Expected BEGIN_") || strings.Contains(cause, "malformed") {
			cause = errMalformed.Error()
		}
		spans, err = nil, fmt.Errorf("%s reading List<Span> from json", cause)
	}()
	r := &d.json
	r.reset(data)
	r.begin(tokenBeginArray)
	for r.hasNext() {
		spans = append(spans, d.readSpan(r))
	}
	r.end(tokenEndArray)
	return spans, nil
}

// must returns the value, or fails.
func must[T any](v T, err error) T {
	if err != nil {
		fail(err)
	}
	return v
}

func (d *Decoder) readSpan(r *jsonReader) *Span {
	d.tags, d.annotations = d.tags[:0], d.annotations[:0]
	s := &Span{}
	hasTrace, hasID := false, false
	r.begin(tokenBeginObject)
	for r.hasNext() {
		name := r.name()
		switch string(name) {
		case "traceId":
			s.TraceID, hasTrace = must(ParseTraceID(string(r.text()))), true
		case "id":
			s.ID, hasID = must(parseID(string(r.text()), "id")), true
		default:
			if r.peek() == tokenNull {
				r.skip()
				continue
			}
			d.readField(r, s, name)
		}
	}
	r.end(tokenEndObject)
	if err := missing(hasTrace, hasID); err != nil {
		fail(err)
	}
	return d.finish(s)
}

func missing(hasTrace, hasID bool) error {
	text := "Missing :"
	if !hasTrace {
		text += " traceId"
	}
	if !hasID {
		text += " id"
	}
	if hasTrace && hasID {
		return nil
	}
	return errors.New(text)
}

func (d *Decoder) readField(r *jsonReader, s *Span, name []byte) {
	switch string(name) {
	case "parentId":
		s.Parent = must(parseID(string(r.text()), "parentId"))
	case "kind":
		text := toString(r.text())
		kind, ok := ParseKind(text)
		if !ok {
			fail(errors.New("No enum constant zipkin2.Span.Kind." + text))
		}
		s.Kind = kind
	case "name":
		s.Name = d.Lower(r.text())
	case "timestamp":
		s.Timestamp = max(0, r.integer("a long", math.MinInt64, math.MaxInt64))
	case "duration":
		s.Duration = max(0, r.integer("a long", math.MinInt64, math.MaxInt64))
	case "localEndpoint":
		s.Local = d.readEndpoint(r)
	case "remoteEndpoint":
		s.Remote = d.readEndpoint(r)
	case "annotations":
		d.readAnnotations(r)
	case "tags":
		d.readTags(r)
	case "debug":
		s.Debug = r.bool() || s.Debug
	case "shared":
		s.Shared = r.bool() || s.Shared
	default:
		r.skip()
	}
}

func (d *Decoder) readEndpoint(r *jsonReader) *Endpoint {
	var e Endpoint
	r.begin(tokenBeginObject)
	for r.hasNext() {
		name := r.name()
		if r.peek() == tokenNull {
			r.skip()
			continue
		}
		switch string(name) {
		case "serviceName":
			e.Service = d.Lower(r.text())
		case "ipv4", "ipv6":
			e.SetAddress(d.Text(r.text()))
		case "port":
			port := r.integer("an int", math.MinInt32, math.MaxInt32)
			if port > math.MaxUint16 {
				fail(fmt.Errorf("invalid port %d", port))
			}
			e.Port = uint16(max(0, port))
		default:
			r.skip()
		}
	}
	r.end(tokenEndObject)
	return d.Endpoint(e)
}

func (d *Decoder) readAnnotations(r *jsonReader) {
	r.begin(tokenBeginArray)
	for r.hasNext() {
		r.begin(tokenBeginObject)
		var a Annotation
		hasTime, hasValue := false, false
		for r.hasNext() {
			switch string(r.name()) {
			case "timestamp":
				a.Timestamp = r.integer("a long", math.MinInt64, math.MaxInt64)
				hasTime = true
			case "value":
				a.Value, hasValue = d.Text(r.text()), true
			default:
				r.skip()
			}
		}
		if !hasTime || !hasValue {
			fail(errors.New("Incomplete annotation at " + r.path()))
		}
		r.end(tokenEndObject)
		d.annotations = append(d.annotations, a)
	}
	r.end(tokenEndArray)
}

func (d *Decoder) readTags(r *jsonReader) {
	r.begin(tokenBeginObject)
	for r.hasNext() {
		key := d.Text(r.name())
		if r.peek() == tokenNull {
			fail(errors.New("No value at " + r.path()))
		}
		d.tags = append(d.tags, Tag{key, d.Text(r.text())})
	}
	r.end(tokenEndObject)
}
