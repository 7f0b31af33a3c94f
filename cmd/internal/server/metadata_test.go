package server_test

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"bookservice/cmd/internal/server"
)

// Types and flags of HTTP/2 frames (RFC 9113).
const (
	frameData     = 0
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4

	flagEndStream  = 1
	flagEndHeaders = 4

	codeFrameSize = 6
)

func writeFrame(t *testing.T, w io.Writer, kind, flags byte, stream uint32, payload []byte) {
	t.Helper()
	n := len(payload)
	head := []byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}
	head = binary.BigEndian.AppendUint32(head, stream)
	if _, err := w.Write(append(head, payload...)); err != nil {
		t.Fatal(err)
	}
}

// readStream reads frames until the stream ends. It returns the error code of a reset, and whether
// there was data.
func readStream(t *testing.T, r io.Reader, stream uint32) (reset uint32, data bool) {
	t.Helper()
	for {
		var head [9]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
		if _, err := io.ReadFull(r, payload); err != nil {
			t.Fatal(err)
		}
		kind, flags := head[3], head[4]
		if binary.BigEndian.Uint32(head[5:]) != stream {
			continue
		}
		data = data || kind == frameData
		switch {
		case kind == frameReset:
			return binary.BigEndian.Uint32(payload), data
		case kind == frameHeaders && flags&flagEndStream != 0:
			return 0, data
		}
	}
}

// appendLiteral appends a header field in HPACK (RFC 7541) with the given first byte: 0 for a field
// that is not indexed, 0x40 for one that becomes the newest entry of the dynamic table.
func appendLiteral(b []byte, first byte, name, value string) []byte {
	b = append(b, first)
	for _, s := range []string{name, value} {
		if n := len(s) - 127; n >= 0 {
			b = binary.AppendUvarint(append(b, 127), uint64(n))
		} else {
			b = append(b, byte(len(s)))
		}
		b = append(b, s...)
	}
	return b
}

// A client that ignores the server's limit sends a call with 4,000 references to one header of
// 4 KB: 8 KB on the wire, 16 MB of metadata. The stream is reset with FRAME_SIZE_ERROR, which is
// INTERNAL in gRPC, and the next call on the connection succeeds.
func TestForeignClientWithTooMuchMetadata(t *testing.T) {
	s, err := server.Start(t.Context(), alone(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	for _, name := range []string{"baggage", "tracestate", "uberctx-a", "x-other"} {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		writeFrame(t, conn, frameSettings, 0, 0, nil)
		var fields []byte
		for _, h := range [][2]string{
			{":method", "POST"}, {":scheme", "http"}, {":path", "/book.BookService/GetBookInfo"},
			{":authority", "x"}, {"content-type", "application/grpc"}, {"te", "trailers"},
		} {
			fields = appendLiteral(fields, 0, h[0], h[1])
		}
		bomb := appendLiteral(fields, 0x40, name, strings.Repeat("a=1,", 990))
		for range 4000 {
			bomb = append(bomb, 0x80|62)
		}
		message := []byte{0, 0, 0, 0, 2, 8, 1} // BookInfoParams{BookId: 1}
		for stream, block := range [][]byte{bomb, fields} {
			id := uint32(2*stream + 1)
			writeFrame(t, conn, frameHeaders, flagEndHeaders, id, block)
			writeFrame(t, conn, frameData, flagEndStream, id, message)
			reset, data := readStream(t, conn, id)
			if id == 1 && reset != codeFrameSize || id == 3 && (reset != 0 || !data) {
				t.Errorf("%s, stream %d: have reset %d and data %v", name, id, reset, data)
			}
		}
	}
}
