package bookgrpc_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
	"bookservice/service/inmem"
)

// Metadata of up to 128 KiB arrives, which is room for the largest baggage that can be configured
// and as much beside it. A call with more fails with a code and a text that name the limit, and the
// connection stays usable.
func TestMetadataIsLimited(t *testing.T) {
	conn, _ := serve(t, inmem.Default(), nil)
	client, params := book.NewBookServiceClient(conn), &book.BookInfoParams{BookId: 1}
	call := func(md metadata.MD) error {
		_, err := client.GetBookInfo(metadata.NewOutgoingContext(t.Context(), md), params)
		return err
	}
	if err := call(nil); err != nil { // the client learns the limit
		t.Fatal(err)
	}
	largest := metadata.Pairs("baggage", "a="+strings.Repeat("v", 64<<10),
		"tracestate", "a="+strings.Repeat("v", 4<<10), "authorization", strings.Repeat("t", 32<<10))
	if err := call(largest); err != nil {
		t.Errorf("baggage of 64 KiB, tracestate and a token: have %v", err)
	}
	for name, md := range map[string]metadata.MD{
		"one value":   metadata.Pairs("x-other", strings.Repeat("v", 128<<10)),
		"many values": {"baggage": strings.Split(strings.Repeat("a=1,", 5000), ",")},
	} {
		err := call(md)
		text := status.Convert(err).Message()
		if status.Code(err) != codes.Internal || !strings.Contains(text, "header list size") ||
			!strings.Contains(text, "131072") {
			t.Errorf("%s: have %v, want INTERNAL with the limit", name, err)
		}
		if err := call(nil); err != nil {
			t.Errorf("%s: have %v of the next call", name, err)
		}
	}
}
