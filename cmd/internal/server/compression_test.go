package server_test

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"bookservice/api/book"
	"bookservice/cmd/internal/server"
)

// A foreign client may compress its requests.
func TestCompressedRequests(t *testing.T) {
	s, err := server.Start(t.Context(), alone(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	conn, err := grpc.NewClient(s.Addr(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b, err := book.NewBookServiceClient(conn).GetBookInfo(t.Context(),
		&book.BookInfoParams{BookId: 1})
	if err != nil || b.GetBookId() != 1 {
		t.Errorf("have %v, %v, want book 1", b, err)
	}
}
