package e2e_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

// Types of HTTP/2 frames (RFC 9113, section 6), and the flags that the tests use.
const (
	frameData, frameHeaders, frameSettings, framePing, frameGoAway = 0, 1, 4, 6, 7
	frameWindowUpdate                                              = 8
	flagEndStream, flagAck, flagEndHeaders                         = 1, 1, 4
)

// A rawConn is an HTTP/2 connection that the test writes frame by frame.
type rawConn struct {
	net.Conn
	t *testing.T
}

// rawDial connects, and sends the preface and settings: pairs of an identifier and a value.
func rawDial(t *testing.T, addr string, settings ...uint32) *rawConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &rawConn{conn, t}
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var payload []byte
	for i := 0; i < len(settings); i += 2 {
		payload = binary.BigEndian.AppendUint16(payload, uint16(settings[i]))
		payload = binary.BigEndian.AppendUint32(payload, settings[i+1])
	}
	c.send(frameSettings, 0, 0, payload)
	return c
}

// send writes a frame. It reports whether the connection accepted it.
func (c *rawConn) send(kind, flags byte, stream uint32, payload []byte) bool {
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	frame = append(frame, flags)
	frame = binary.BigEndian.AppendUint32(frame, stream)
	_, err := c.Write(append(frame, payload...))
	return err == nil
}

// call sends a call of the book service.
func (c *rawConn) call(stream uint32, method string, params proto.Message) {
	c.t.Helper()
	var headers []byte
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", "/book.BookService/" + method},
		{":authority", "x"}, {"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		headers = append(headers, 0) // a literal without indexing (RFC 7541, section 6.2.2)
		for _, text := range field {
			headers = append(append(headers, byte(len(text))), text...)
		}
	}
	message, err := proto.Marshal(params)
	if err != nil {
		c.t.Fatal(err)
	}
	body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	c.send(frameHeaders, flagEndHeaders, stream, headers)
	c.send(frameData, flagEndStream, stream, body)
}

// next returns the next frame. ok is false at the end of the connection, and after d.
func (c *rawConn) next(d time.Duration) (kind, flags byte, payload []byte, ok bool) {
	_ = c.SetReadDeadline(time.Now().Add(d))
	var header [9]byte
	if _, err := io.ReadFull(c, header[:]); err != nil {
		return 0, 0, nil, false
	}
	payload = make([]byte, binary.BigEndian.Uint32(header[:])>>8)
	_, err := io.ReadFull(c, payload)
	return header[3], header[4], payload, err == nil
}

// goAway reads frames until GOAWAY, and returns its error code and its text.
func (c *rawConn) goAway(d time.Duration) (code uint32, text string, ok bool) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		kind, flags, payload, ok := c.next(time.Until(end))
		switch {
		case !ok:
			return 0, "", false
		case kind == frameSettings && flags != flagAck:
			c.send(frameSettings, flagAck, 0, nil)
		case kind == framePing && flags != flagAck:
			c.send(framePing, flagAck, 0, payload)
		case kind == frameGoAway:
			return binary.BigEndian.Uint32(payload[4:]), string(payload[8:]), true
		}
	}
	return 0, "", false
}
