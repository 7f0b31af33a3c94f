package zipkinv2

import "errors"

const hexDigits = "0123456789abcdef"

// ParseTraceID reads an id of at most 32 lower-case hexadecimal digits.
func ParseTraceID(s string) (TraceID, error) {
	switch {
	case s == "":
		return TraceID{}, errors.New("traceId is empty")
	case len(s) > 32:
		return TraceID{}, errors.New("traceId.length > 32")
	}
	high, low, ok := parseHex(s)
	if !ok {
		return TraceID{}, notHex(s)
	}
	if high == 0 && low == 0 {
		return TraceID{}, errors.New("traceId is all zeros")
	}
	return TraceID{high, low}, nil
}

// parseID reads the id of a span. field is its name in errors.
func parseID(s, field string) (uint64, error) {
	switch {
	case s == "":
		return 0, errors.New(field + " is empty")
	case len(s) > 16:
		return 0, errors.New(field + ".length > 16")
	}
	_, id, ok := parseHex(s)
	if !ok {
		return 0, notHex(s)
	}
	if id == 0 && field == "id" {
		return 0, errors.New("id is all zeros")
	}
	return id, nil
}

func notHex(s string) error {
	return errors.New(s + " should be lower-hex encoded with no prefix")
}

func parseHex(s string) (high, low uint64, ok bool) {
	for i := range len(s) {
		var digit byte
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digit = c - '0'
		case 'a' <= c && c <= 'f':
			digit = c - 'a' + 10
		default:
			return 0, 0, false
		}
		high = high<<4 | low>>60
		low = low<<4 | uint64(digit)
	}
	return high, low, true
}

// AppendID appends the 16 digits of an id.
func AppendID(b []byte, id uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[id>>shift&0xf])
	}
	return b
}

// Append appends the 16 or 32 digits of the id.
func (t TraceID) Append(b []byte) []byte {
	if t.High != 0 {
		b = AppendID(b, t.High)
	}
	return AppendID(b, t.Low)
}

// String returns the 16 or 32 digits of the id.
func (t TraceID) String() string { return string(t.Append(nil)) }
