package zipkinv2

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendList appends the JSON of a list of spans.
func AppendList(b []byte, spans []*Span) []byte {
	b = append(b, '[')
	for i, s := range spans {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.AppendJSON(b)
	}
	return append(b, ']')
}

// AppendJSON appends the span in Zipkin's order of fields.
func (s *Span) AppendJSON(b []byte) []byte {
	b = append(b, `{"traceId":"`...)
	b = s.TraceID.Append(b)
	if s.Parent != 0 {
		b = append(b, `","parentId":"`...)
		b = AppendID(b, s.Parent)
	}
	b = append(b, `","id":"`...)
	b = append(AppendID(b, s.ID), '"')
	if s.Kind != KindNone {
		b = append(b, `,"kind":"`...)
		b = append(append(b, s.Kind.String()...), '"')
	}
	if s.Name != "" {
		b = AppendString(append(b, `,"name":`...), s.Name)
	}
	if s.Timestamp != 0 {
		b = strconv.AppendInt(append(b, `,"timestamp":`...), s.Timestamp, 10)
	}
	if s.Duration != 0 {
		b = strconv.AppendInt(append(b, `,"duration":`...), s.Duration, 10)
	}
	b = s.Local.appendJSON(b, `,"localEndpoint":{`)
	b = s.Remote.appendJSON(b, `,"remoteEndpoint":{`)
	b = s.appendEvents(b)
	if s.Debug {
		b = append(b, `,"debug":true`...)
	}
	if s.Shared {
		b = append(b, `,"shared":true`...)
	}
	return append(b, '}')
}

func (s *Span) appendEvents(b []byte) []byte {
	for i, a := range s.Annotations {
		if i == 0 {
			b = append(b, `,"annotations":[`...)
		} else {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"timestamp":`...), a.Timestamp, 10)
		b = append(AppendString(append(b, `,"value":`...), a.Value), '}')
	}
	if len(s.Annotations) > 0 {
		b = append(b, ']')
	}
	for i, t := range s.Tags {
		if i == 0 {
			b = append(b, `,"tags":{`...)
		} else {
			b = append(b, ',')
		}
		b = AppendString(append(AppendString(b, t.Key), ':'), t.Value)
	}
	if len(s.Tags) > 0 {
		b = append(b, '}')
	}
	return b
}

func (e *Endpoint) appendJSON(b []byte, open string) []byte {
	if e == nil {
		return b
	}
	b = append(b, open...)
	start := len(b)
	field := func(name, value string) {
		if value == "" {
			return
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = AppendString(append(b, name...), value)
	}
	field(`"serviceName":`, e.Service)
	field(`"ipv4":`, e.IPv4)
	field(`"ipv6":`, e.IPv6)
	if e.Port != 0 {
		if len(b) > start {
			b = append(b, ',')
		}
		b = strconv.AppendUint(append(b, `"port":`...), uint64(e.Port), 10)
	}
	return append(b, '}')
}

// AppendString appends a JSON string with Zipkin's escapes. Invalid UTF-8 becomes U+FFFD.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = appendEscape(append(b, s[start:i]...), c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		replacement := ""
		switch {
		case r == utf8.RuneError && size == 1:
			replacement = "\ufffd"
		case r == '\u2028':
			replacement = `\u2028`
		case r == '\u2029':
			replacement = `\u2029`
		}
		if replacement != "" {
			b = append(append(b, s[start:i]...), replacement...)
			start = i + size
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}

// AppendName appends a JSON string as Zipkin writes names of services and spans: a character above
// U+FFFF is two escapes.
func AppendName(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04X\u%04X`, high, low)
		case r >= 0x20 && r != '"' && r != '\\':
			b = utf8.AppendRune(b, r)
		case strings.ContainsRune("\"\\\t\b\n\r\f", r):
			b = appendEscape(b, byte(r))
		default:
			b = fmt.Appendf(b, `\u%04X`, r)
		}
	}
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\t':
		return append(b, `\t`...)
	case '\b':
		return append(b, `\b`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\f':
		return append(b, `\f`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
