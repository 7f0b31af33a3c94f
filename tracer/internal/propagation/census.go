package propagation

import (
	"encoding/base64"
	"strings"

	"bookservice/tracer/internal/spancontext"
)

// The header grpc-trace-bin has OpenCensus' binary encoding: the version 0, then fields, each a
// number in one byte and a value. Field 0 is the trace id, field 1 the span id, and the lowest bit
// of field 2 says whether the trace is sampled. Dapr and gRPC's census plugin send it.
const (
	censusSpan    = 1 + 1 + 16         // where field 1 begins
	censusOptions = censusSpan + 1 + 8 // where field 2 begins
	lenCensus     = censusOptions + 1 + 1
)

// readCensus reads grpc-trace-bin. gRPC transports bytes and shows them decoded. Over HTTP, and
// from senders that encode twice such as go-kit's client, the value is text in base64.
func (e *extractor) readCensus() (c spancontext.Context, state parseState) {
	switch {
	case !e.census.isSet():
		return c, absent
	case e.census.unreadable:
		return c, malformed
	}
	value := e.census.value
	if value[0] != 0 {
		var room [2 * lenCensus]byte
		text := strings.TrimRight(trimOWS(value), "=")
		if base64.RawStdEncoding.DecodedLen(len(text)) > len(room) {
			return c, malformed
		}
		n, err := base64.RawStdEncoding.Decode(room[:], []byte(text))
		if err != nil {
			return c, malformed
		}
		value = string(room[:n])
	}
	c, lost, ok := parseCensus(value)
	if !ok {
		return spancontext.Context{}, malformed
	}
	e.malformed += lost
	return c, wellFormed
}

// parseCensus reads the encoding. A sender may leave field 2 out, and later versions may append
// others. If the span id is zero, lost is 1.
func parseCensus(b string) (c spancontext.Context, lost uint64, ok bool) {
	if len(b) < censusOptions || b[0] != 0 || b[1] != 0 || b[censusSpan] != 1 {
		return c, 0, false
	}
	c.TraceHi, c.TraceLo = bigEndian(b[2:10]), bigEndian(b[10:censusSpan])
	c.ID = bigEndian(b[censusSpan+1 : censusOptions])
	if options := b[censusOptions:]; len(options) >= 2 && options[0] == 2 {
		c.Decision = spancontext.Deny
		if options[1]&1 != 0 {
			c.Decision = spancontext.Accept
		}
	}
	if c.ID == 0 {
		lost = 1
	}
	return c, lost, c.HasIDs()
}

func bigEndian(b string) (v uint64) {
	for i := range len(b) {
		v = v<<8 | uint64(b[i])
	}
	return v
}
