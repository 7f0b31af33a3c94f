package zipkinv2

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// ReadProto reads a message zipkin.proto3.ListOfSpans. It returns all spans or an error.
func (d *Decoder) ReadProto(data []byte) ([]*Span, error) {
	var spans []*Span
	err := fields(data, func(n protowire.Number, typ protowire.Type, b []byte, _ uint64) error {
		if n != 1 || typ != protowire.BytesType {
			return nil
		}
		s, err := d.protoSpan(b)
		spans = append(spans, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w reading List<Span> from proto3", err)
	}
	return spans, nil
}

// A visitor gets a field of a message: the bytes of a field that has some, the bits of any other.
type visitor func(n protowire.Number, typ protowire.Type, b []byte, v uint64) error

// fields calls visit for each field of a message.
func fields(b []byte, visit visitor) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errMalformed
		}
		b = b[n:]
		var (
			value  []byte
			number uint64
		)
		switch typ {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			number, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return errMalformed
		}
		if err := visit(num, typ, value, number); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (d *Decoder) protoSpan(data []byte) (*Span, error) {
	d.tags, d.annotations = d.tags[:0], d.annotations[:0]
	s := &Span{}
	hasTrace, hasID := false, false
	err := fields(data, func(n protowire.Number, typ protowire.Type, b []byte, v uint64) error {
		var err error
		switch {
		case n == 1 && typ == protowire.BytesType:
			s.TraceID, err = protoTraceID(b)
			hasTrace = true
		case n == 3 && typ == protowire.BytesType:
			s.ID, err = protoID(b, "id")
			hasID = true
		case n == 2 && typ == protowire.BytesType && len(b) > 0:
			s.Parent, err = protoID(b, "parentId")
		case typ == protowire.BytesType:
			err = d.protoMessage(s, n, b)
		default:
			d.protoNumber(s, n, typ, v)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := missing(hasTrace, hasID); err != nil {
		return nil, err
	}
	return d.finish(s), nil
}

func (d *Decoder) protoNumber(s *Span, n protowire.Number, typ protowire.Type, v uint64) {
	switch {
	case n == 6 && typ == protowire.Fixed64Type:
		s.Timestamp = positive(v)
	case typ != protowire.VarintType:
	case n == 4 && v <= uint64(KindConsumer):
		s.Kind = Kind(v)
	case n == 7:
		s.Duration = positive(v)
	case n == 12:
		s.Debug = v != 0 || s.Debug
	case n == 13:
		s.Shared = v != 0 || s.Shared
	}
}

func positive(v uint64) int64 {
	if v > math.MaxInt64 {
		return 0
	}
	return int64(v)
}

func (d *Decoder) protoMessage(s *Span, n protowire.Number, b []byte) error {
	var err error
	switch n {
	case 5:
		s.Name = d.Lower(b)
	case 8:
		s.Local, err = d.protoEndpoint(b)
	case 9:
		s.Remote, err = d.protoEndpoint(b)
	case 10:
		err = d.protoAnnotation(b)
	case 11:
		err = d.protoTag(b)
	}
	return err
}

func (d *Decoder) protoEndpoint(data []byte) (*Endpoint, error) {
	var e Endpoint
	err := fields(data, func(n protowire.Number, typ protowire.Type, b []byte, v uint64) error {
		switch {
		case n == 1 && typ == protowire.BytesType:
			e.Service = d.Lower(b)
		case (n == 2 || n == 3) && typ == protowire.BytesType:
			e.SetBytes(b)
		case n == 4 && typ == protowire.VarintType:
			port := int32(v) // the format has 32 bits
			if port > math.MaxUint16 {
				return fmt.Errorf("invalid port %d", port)
			}
			e.Port = uint16(max(0, port))
		}
		return nil
	})
	return d.Endpoint(e), err
}

func (d *Decoder) protoAnnotation(data []byte) error {
	var a Annotation
	hasValue := false
	err := fields(data, func(n protowire.Number, typ protowire.Type, b []byte, v uint64) error {
		switch {
		case n == 1 && typ == protowire.Fixed64Type:
			a.Timestamp = int64(v) // the format is two's complement
		case n == 2 && typ == protowire.BytesType && len(b) > 0:
			a.Value, hasValue = d.Text(b), true
		}
		return nil
	})
	if a.Timestamp != 0 && hasValue {
		d.annotations = append(d.annotations, a)
	}
	return err
}

func (d *Decoder) protoTag(data []byte) error {
	var t Tag
	err := fields(data, func(n protowire.Number, typ protowire.Type, b []byte, _ uint64) error {
		switch {
		case n == 1 && typ == protowire.BytesType:
			t.Key = d.Text(b)
		case n == 2 && typ == protowire.BytesType:
			t.Value = d.Text(b)
		}
		return nil
	})
	if t.Key != "" {
		d.tags = append(d.tags, t)
	}
	return err
}

func protoTraceID(b []byte) (TraceID, error) {
	if len(b) > 16 {
		return TraceID{}, errors.New("traceId.length > 32")
	}
	return ParseTraceID(hexOf(b))
}

func protoID(b []byte, field string) (uint64, error) {
	if len(b) > 8 {
		return 0, errors.New(field + ".length > 16")
	}
	return parseID(hexOf(b), field)
}

func hexOf(b []byte) string {
	text := make([]byte, 0, 32)
	for _, c := range b {
		text = append(text, hexDigits[c>>4], hexDigits[c&0xf])
	}
	return string(text)
}
