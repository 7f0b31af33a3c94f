package httppost

import (
	"errors"
	"io"
	"net"
	"testing"
)

// TestRevokedBodyIsNotRead revokes a body with readers that have read nothing, a part and all of
// it. The memory is not read afterwards. A reader at its end reports the end, which net/http checks
// after it has sent the body.
func TestRevokedBodyIsNotRead(t *testing.T) {
	body := []byte("spans")
	shared := newSharedBody(body)
	for _, test := range []struct {
		read int
		want error
	}{{0, net.ErrClosed}, {3, net.ErrClosed}, {5, io.EOF}} {
		shared := newSharedBody(body)
		r, err := shared.open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, test.read)); err != nil {
			t.Fatal(err)
		}
		shared.revoke()
		if n, err := r.Read(make([]byte, 10)); n != 0 || !errors.Is(err, test.want) {
			t.Errorf("after %d bytes: have %d, %v, want %v", test.read, n, err, test.want)
		}
	}
	for range 2 { // net/http opens a body again for another attempt
		r, _ := shared.open()
		if have, err := io.ReadAll(r); err != nil || string(have) != "spans" {
			t.Errorf("have %q, %v", have, err)
		}
		if _, ok := r.(io.WriterTo); ok {
			t.Error("the reader lends its memory")
		}
	}
}
