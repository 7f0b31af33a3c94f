package bookgrpc_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookgrpc"
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

// A server sees no difference between a call of ours and one of any other client: the codec of
// lists has no content-subtype.
func TestContentTypeIsThatOfEveryClient(t *testing.T) {
	types := make(chan []string, 1)
	svc := funcs{list: func(ctx context.Context, _, _ int32) ([]service.Book, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		types <- md.Get("content-type")
		return []service.Book{{ID: 1, Name: "a"}}, nil
	}}
	conn, _ := serve(t, svc, nil)
	list, err := bookgrpc.NewClient(conn, nil).BookList(t.Context(), 1, 10)
	if err != nil || len(list) != 1 || list[0].Name != "a" {
		t.Errorf("have %v, %v, want the book", list, err)
	}
	if have := <-types; !slices.Equal(have, []string{"application/grpc"}) {
		t.Errorf("have content-type %q, want application/grpc", have)
	}
}
