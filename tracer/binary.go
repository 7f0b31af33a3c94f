package tracer

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/opentracing/opentracing-go"
)

// A binary carrier gets the headers that text would get, so that all of a context goes through: their length in four
// bytes, big endian, then keys and values in turn, each behind its own length as a uvarint. Extract reads no further
// than that, so the context may be followed by something else.
const (
	lenBinaryHead = 4
	maxBinary     = 128 << 10 // bytes of headers
)

func (p *propagation) injectBinary(sc opentracing.SpanContext, w io.Writer) error {
	b := make(pairs, lenBinaryHead, 256)
	if err := p.injectText(sc, &b); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-lenBinaryHead))
	_, err := w.Write(b)
	return err
}

func (p *propagation) extractBinary(r io.Reader) (opentracing.SpanContext, error) {
	b, err := readBinary(r)
	switch {
	case errors.Is(err, io.EOF):
		return nil, opentracing.ErrSpanContextNotFound
	case err != nil:
		p.malformed.Add(1)
		return nil, opentracing.ErrSpanContextCorrupted
	}
	return p.extractText(&b, false)
}

// readBinary returns io.EOF only if there is nothing to read.
func readBinary(r io.Reader) (pairs, error) {
	var head [lenBinaryHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxBinary {
		return nil, opentracing.ErrSpanContextCorrupted
	}
	b := make(pairs, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}

// pairs are the headers as they are in a binary carrier.
type pairs []byte

func (p *pairs) Set(key, value string) {
	for _, s := range []string{key, value} {
		*p = append(binary.AppendUvarint(*p, uint64(len(s))), s...)
	}
}

func (p *pairs) ForeachKey(handler func(key, value string) error) error {
	for rest := []byte(*p); len(rest) > 0; {
		key, after, ok := cutText(rest)
		if !ok {
			return opentracing.ErrSpanContextCorrupted
		}
		value, after, ok := cutText(after)
		if !ok {
			return opentracing.ErrSpanContextCorrupted
		}
		if err := handler(key, value); err != nil {
			return err
		}
		rest = after
	}
	return nil
}

// cutText cuts a text off that is behind its length.
func cutText(b []byte) (text string, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", nil, false
	}
	end := size + int(n)
	return string(b[size:end]), b[end:], true
}
