package propagation

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer/internal/spancontext"
)

// A binary carrier holds the headers of a text carrier: their total length in four bytes, big
// endian, then keys and values in turn, each preceded by its length as a uvarint. Extract reads no
// further than that length, so other data may follow the context.
const (
	lenBinaryHead = 4
	maxBinary     = 128 << 10 // bytes of headers
)

func (p *Propagator) injectBinary(c *spancontext.Context, w io.Writer) error {
	b := make(pairs, lenBinaryHead, 256)
	if err := p.injectText(c, &b); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-lenBinaryHead))
	_, err := w.Write(b)
	return err
}

func (p *Propagator) extractBinary(r io.Reader) (*spancontext.Context, error) {
	b, err := readBinary(r)
	switch {
	case errors.Is(err, io.EOF):
		return nil, opentracing.ErrSpanContextNotFound
	case err != nil:
		p.malformed.Add(1)
		return nil, opentracing.ErrSpanContextCorrupted
	}
	return p.extractText(pairsReader(b), sourceBinary)
}

// readBinary returns [io.EOF] only if the carrier is empty.
func readBinary(r io.Reader) ([]byte, error) {
	var head [lenBinaryHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxBinary {
		return nil, opentracing.ErrSpanContextCorrupted
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}

// pairs writes headers in the form of a binary carrier. It implements [opentracing.TextMapWriter].
type pairs []byte

func (p *pairs) Set(key, value string) {
	for _, s := range []string{key, value} {
		*p = append(binary.AppendUvarint(*p, uint64(len(s))), s...)
	}
}

// pairsReader reads what pairs writes. It implements [opentracing.TextMapReader]. The keys and
// values are substrings, so that their number costs nothing.
type pairsReader string

func (p pairsReader) ForeachKey(handler func(key, value string) error) error {
	for rest := string(p); rest != ""; {
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

// cutText splits s after its first text, which is preceded by its length.
func cutText(s string) (text, rest string, ok bool) {
	var head [binary.MaxVarintLen64]byte
	n, size := binary.Uvarint(head[:copy(head[:], s)])
	if size <= 0 || n > uint64(len(s)-size) {
		return "", "", false
	}
	end := size + int(n)
	return s[size:end], s[end:], true
}
