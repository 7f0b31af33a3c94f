package zipkinv2

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A token is what follows in a JSON text.
type token uint8

const (
	tokenNone token = iota // not looked at yet
	tokenBeginObject
	tokenEndObject
	tokenBeginArray
	tokenEndArray
	tokenTrue
	tokenFalse
	tokenNull
	tokenString
	tokenName
	tokenLong   // an integer of 64 bits
	tokenNumber // any other number
	tokenEOF
)

func (t token) String() string {
	return [...]string{"", "BEGIN_OBJECT", "END_OBJECT", "BEGIN_ARRAY", "END_ARRAY", "BOOLEAN",
		"BOOLEAN", "NULL", "STRING", "NAME", "NUMBER", "NUMBER", "END_DOCUMENT"}[t]
}

// A scope is an object, a list or the document that is being read.
type scope struct {
	kind  scopeKind
	index int    // of a list's next element
	name  []byte // of the object's last field
}

type scopeKind uint8

const (
	emptyDocument scopeKind = iota
	nonemptyDocument
	emptyArray
	nonemptyArray
	emptyObject
	danglingName
	nonemptyObject
)

// maxDepth limits nested values.
const maxDepth = 255

// A jsonReader reads tokens of a JSON text. What it accepts and how it states errors follows Gson's
// JsonReader in its default mode, on which Zipkin is built. Methods panic with a *jsonError.
type jsonReader struct {
	data   []byte
	pos    int
	scopes []scope
	next   token
	long   int64 // of tokenLong
	size   int   // of tokenNumber, in bytes
}

// A jsonError is the panic of a jsonReader.
type jsonError struct{ err error }

func fail(err error) { panic(&jsonError{err}) }

// errMalformed stands for every text that is not JSON.
var errMalformed = errors.New("Malformed")

func (r *jsonReader) reset(data []byte) {
	*r = jsonReader{data: data, scopes: append(r.scopes[:0], scope{kind: emptyDocument})}
}

func (r *jsonReader) top() *scope { return &r.scopes[len(r.scopes)-1] }

func (r *jsonReader) push(kind scopeKind) {
	if len(r.scopes) > maxDepth {
		fail(fmt.Errorf("Nesting limit %d reached%s", maxDepth, r.location()))
	}
	r.scopes = append(r.scopes, scope{kind: kind})
}

// path returns where the reader is, like $[0].tags.n.
func (r *jsonReader) path() string {
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range r.scopes {
		switch s.kind {
		case emptyArray, nonemptyArray:
			fmt.Fprintf(&b, "[%d]", s.index)
		case emptyObject, danglingName, nonemptyObject:
			b.WriteByte('.')
			b.WriteString(toString(s.name))
		default:
		}
	}
	return b.String()
}

// location states line, column and path. Columns count UTF-16 units, as in Java.
func (r *jsonReader) location() string {
	line, column := 1, 1
	for _, c := range string(r.data[:r.pos]) {
		switch {
		case c == '\n':
			line, column = line+1, 1
		case c > 0xffff:
			column += 2
		default:
			column++
		}
	}
	return fmt.Sprintf(" at line %d column %d path %s", line, column, r.path())
}

func (r *jsonReader) unexpected(want string) {
	id := "unexpected-json-structure"
	if r.next == tokenNull {
		id = "adapter-not-null-safe"
	}
	fail(fmt.Errorf("Expected %s but was %v%s\nSee %s#%s", want, r.next, r.location(),
		"https://github.com/google/gson/blob/main/Troubleshooting.md", id))
}

// skipBlanks returns the next byte that is not white space and moves past it.
func (r *jsonReader) skipBlanks() byte {
	for r.pos < len(r.data) {
		c := r.data[r.pos]
		r.pos++
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
	}
	fail(errors.New("End of input" + r.location()))
	return 0
}

func (r *jsonReader) peek() token {
	if r.next == tokenNone {
		r.next = r.look()
	}
	return r.next
}

func (r *jsonReader) look() token {
	top := r.top()
	before := top.kind
	switch before {
	case emptyArray:
		top.kind = nonemptyArray
	case nonemptyArray:
		if c := r.skipBlanks(); c == ']' {
			return tokenEndArray
		} else if c != ',' {
			fail(errMalformed)
		}
	case emptyObject, nonemptyObject:
		return r.lookName(top)
	case danglingName:
		top.kind = nonemptyObject
		if r.skipBlanks() != ':' {
			fail(errMalformed)
		}
	case emptyDocument:
		top.kind = nonemptyDocument
	case nonemptyDocument:
		return tokenEOF
	}
	switch r.skipBlanks() {
	case ']':
		if before == emptyArray {
			return tokenEndArray
		}
		fail(errMalformed)
	case '"':
		return tokenString
	case '[':
		return tokenBeginArray
	case '{':
		return tokenBeginObject
	}
	r.pos--
	return r.lookLiteral()
}

func (r *jsonReader) lookName(top *scope) token {
	before := top.kind
	top.kind = danglingName
	c := byte(',')
	if before == nonemptyObject {
		if c = r.skipBlanks(); c == '}' {
			return tokenEndObject
		}
	}
	if c != ',' {
		fail(errMalformed)
	}
	switch c = r.skipBlanks(); {
	case c == '"':
		return tokenName
	case c == '}' && before == emptyObject:
		return tokenEndObject
	}
	fail(errMalformed)
	return tokenNone
}

func (r *jsonReader) lookLiteral() token {
	for _, keyword := range [...]struct {
		lower string
		token token
	}{{"true", tokenTrue}, {"false", tokenFalse}, {"null", tokenNull}} {
		end := r.pos + len(keyword.lower)
		if end <= len(r.data) && equalFold(r.data[r.pos:end], keyword.lower) &&
			(end == len(r.data) || !literal(r.data[end])) {
			r.pos = end
			return keyword.token
		}
	}
	return r.lookNumber()
}

// equalFold compares with a lower-case ASCII text, whatever the case of b.
func equalFold(b []byte, lower string) bool {
	for i := range b {
		if b[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// literal reports whether the byte continues an unquoted word.
func literal(c byte) bool { return strings.IndexByte("/\\;#=,[]{}: \t\f\r\n", c) < 0 }

func (r *jsonReader) lookNumber() token {
	b := r.data[r.pos:]
	n := 0
	digits := func() int {
		start := n
		for n < len(b) && '0' <= b[n] && b[n] <= '9' {
			n++
		}
		return n - start
	}
	negative := n < len(b) && b[n] == '-'
	if negative {
		n++
	}
	whole := n
	count := digits()
	integer := count > 0
	ok := integer && (count == 1 || b[whole] != '0')
	if ok && n < len(b) && b[n] == '.' {
		n++
		integer, ok = false, digits() > 0
	}
	if ok && n < len(b) && (b[n] == 'e' || b[n] == 'E') {
		n++
		if n < len(b) && (b[n] == '+' || b[n] == '-') {
			n++
		}
		integer, ok = false, digits() > 0
	}
	if !ok || n < len(b) && literal(b[n]) {
		fail(errMalformed)
	}
	if integer {
		if v, fits := parseInteger(b[whole:n], negative); fits && (v != 0 || !negative) {
			r.long = v
			r.pos += n
			return tokenLong
		}
	}
	r.size = n
	return tokenNumber
}

func parseInteger(digits []byte, negative bool) (int64, bool) {
	if len(digits) > 19 {
		return 0, false
	}
	var v uint64
	for _, c := range digits {
		v = v*10 + uint64(c-'0')
	}
	switch {
	case negative && v <= 1<<63:
		return -int64(v), true // -1<<63 is its own negative
	case !negative && v < 1<<63:
		return int64(v), true
	}
	return 0, false
}

func (r *jsonReader) hasNext() bool {
	t := r.peek()
	return t != tokenEndObject && t != tokenEndArray && t != tokenEOF
}

func (r *jsonReader) begin(want token) {
	if r.peek() != want {
		r.unexpected(want.String())
	}
	if want == tokenBeginArray {
		r.push(emptyArray)
	} else {
		r.push(emptyObject)
	}
	r.next = tokenNone
}

func (r *jsonReader) end(want token) {
	if r.peek() != want {
		r.unexpected(want.String())
	}
	r.scopes = r.scopes[:len(r.scopes)-1]
	r.done()
}

// done ends a value.
func (r *jsonReader) done() {
	r.top().index++
	r.next = tokenNone
}

// name returns the name of a field. It is valid until the data is.
func (r *jsonReader) name() []byte {
	if r.peek() != tokenName {
		r.unexpected("a name")
	}
	r.next = tokenNone
	name := r.quoted()
	r.top().name = name
	return name
}

// text returns a string, or a number as it is written. It is valid until the data is.
func (r *jsonReader) text() []byte {
	var text []byte
	switch r.peek() {
	case tokenString:
		text = r.quoted()
	case tokenLong:
		text = strconv.AppendInt(nil, r.long, 10)
	case tokenNumber:
		text = r.number()
	default:
		r.unexpected("a string")
	}
	r.done()
	return text
}

func (r *jsonReader) number() []byte {
	r.pos += r.size
	return r.data[r.pos-r.size : r.pos]
}

func (r *jsonReader) bool() bool {
	t := r.peek()
	if t != tokenTrue && t != tokenFalse {
		r.unexpected("a boolean")
	}
	r.done()
	return t == tokenTrue
}

// integer returns a whole number between the limits, also if it is quoted. what names the type in
// errors.
func (r *jsonReader) integer(what string, low, high int64) int64 {
	var text string
	switch r.peek() {
	case tokenLong:
		if r.long < low || r.long > high {
			fail(fmt.Errorf("Expected %s but was %d%s", what, r.long, r.location()))
		}
		v := r.long
		r.done()
		return v
	case tokenString:
		text = toString(r.quoted())
		v, err := strconv.ParseInt(text, 10, 64)
		if err == nil && low <= v && v <= high {
			r.done()
			return v
		}
	case tokenNumber:
		text = string(r.number())
	default:
		r.unexpected(what)
	}
	v, ok := wholeFloat(text, low, high)
	if !ok {
		fail(fmt.Errorf("Expected %s but was %s%s", what, text, r.location()))
	}
	r.done()
	return v
}

// wholeFloat reads a number in floating-point form. It reports whether it is whole and in range.
func wholeFloat(text string, low, high int64) (int64, bool) {
	trimmed := strings.Trim(text, "\x00\t\n\v\f\r ")
	if trimmed == "" {
		fail(errors.New("empty String"))
	}
	f, err := strconv.ParseFloat(trimmed, 64)
	if errors.Is(err, strconv.ErrSyntax) || strings.Contains(trimmed, "_") {
		fail(fmt.Errorf("For input string: %q", trimmed))
	}
	if f != math.Trunc(f) || f < float64(low) || f > float64(high) {
		return 0, false
	}
	if f == float64(high) { // for 64 bits that is one too many
		return high, true
	}
	return int64(f), true
}

// skip skips a value.
func (r *jsonReader) skip() {
	depth := len(r.scopes)
	for {
		switch t := r.peek(); t {
		case tokenBeginArray, tokenBeginObject:
			r.begin(t)
		case tokenEndArray, tokenEndObject:
			r.end(t)
		case tokenName:
			r.name()
			continue
		case tokenString:
			r.quoted()
			r.done()
		case tokenNumber:
			r.number()
			r.done()
		default:
			r.done()
		}
		if len(r.scopes) <= depth {
			return
		}
	}
}

// quoted returns the string whose opening quote has been read, and moves past its end.
func (r *jsonReader) quoted() []byte {
	start := r.pos
	for i := start; i < len(r.data); i++ {
		switch r.data[i] {
		case '"':
			r.pos = i + 1
			return r.data[start:i:i]
		case '\\':
			return r.unescape(start, i)
		}
	}
	fail(errMalformed)
	return nil
}

func (r *jsonReader) unescape(start, i int) []byte {
	out := append([]byte(nil), r.data[start:i]...)
	for i < len(r.data) {
		c := r.data[i]
		i++
		switch {
		case c == '"':
			r.pos = i
			return out
		case c != '\\':
			out = append(out, c)
			continue
		case i == len(r.data):
			fail(errMalformed)
		}
		c = r.data[i]
		i++
		if c == 'u' {
			var char rune
			char, i = r.escapedRune(i)
			out = utf8.AppendRune(out, char)
			continue
		}
		const letters, meanings = "tbnrf\n'\"\\/", "\t\b\n\r\f\n'\"\\/"
		at := strings.IndexByte(letters, c)
		if at < 0 {
			fail(errMalformed)
		}
		out = append(out, meanings[at])
	}
	fail(errMalformed)
	return nil
}

// escapedRune reads the digits after \u, and a second escape if both make one character. Half a
// pair becomes a question mark, as Zipkin writes it.
func (r *jsonReader) escapedRune(i int) (rune, int) {
	char := r.hex4(i)
	i += 4
	if !utf16.IsSurrogate(char) {
		return char, i
	}
	if i+6 <= len(r.data) && r.data[i] == '\\' && r.data[i+1] == 'u' {
		if both := utf16.DecodeRune(char, r.hex4(i+2)); both != utf8.RuneError {
			return both, i + 6
		}
	}
	return '?', i
}

func (r *jsonReader) hex4(i int) rune {
	if i+4 > len(r.data) {
		fail(errMalformed)
	}
	v, err := strconv.ParseUint(string(r.data[i:i+4]), 16, 16)
	if err != nil {
		fail(errMalformed)
	}
	return rune(v)
}

// toString returns the text with invalid UTF-8 replaced.
func toString(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string([]rune(string(b)))
}
