package e2e_test

import (
	"regexp"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
)

// dial returns a connection of a client that is not ours.
func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// alone starts a server without etcd and returns a connection to it.
func alone(t *testing.T, args ...string) (*process, *grpc.ClientConn) {
	t.Helper()
	static := []string{"-discovery", "static", "-instances", "127.0.0.1:1"}
	p, addr := serve(t, append(static, args...)...)
	return p, dial(t, addr)
}

func TestAForeignClient(t *testing.T) {
	t.Parallel()
	_, conn := alone(t)
	for _, service := range []string{"/book.BookService/", "/BookService/"} {
		var info book.BookInfo
		id := &book.BookInfoParams{BookId: 2}
		err := conn.Invoke(t.Context(), service+"GetBookInfo", id, &info)
		if err != nil || info.GetBookId() != 2 || info.GetBookName() != "21天精通java" {
			t.Errorf("%s: have %v, %v", service, &info, err)
		}
		var list book.BookList
		page := &book.BookListParams{Page: 2, Limit: 1}
		err = conn.Invoke(t.Context(), service+"GetBookList", page, &list)
		if err != nil || len(list.GetBookList()) != 1 ||
			list.GetBookList()[0].GetBookName() != "21天精通java" {
			t.Errorf("%s: have %v, %v, want the second book", service, &list, err)
		}
		for name, test := range map[string]struct {
			method  string
			params  any
			code    codes.Code
			message string
		}{
			"unknown id": {"GetBookInfo", &book.BookInfoParams{BookId: 99}, codes.NotFound, "99"},
			"no id":      {"GetBookInfo", &book.BookInfoParams{}, codes.InvalidArgument, "book_id"},
			"negative page": {"GetBookList", &book.BookListParams{Page: -1},
				codes.InvalidArgument, "page"},
			"negative limit": {"GetBookList", &book.BookListParams{Limit: -1},
				codes.InvalidArgument, "limit"},
			"large limit": {"GetBookList", &book.BookListParams{Limit: 1001},
				codes.InvalidArgument, "limit"},
			"no method": {"GetBooks", &book.BookListParams{}, codes.Unimplemented, "GetBooks"},
		} {
			err := conn.Invoke(t.Context(), service+test.method, test.params, &book.BookInfo{})
			message := status.Convert(err).Message()
			if status.Code(err) != test.code || !strings.Contains(message, test.message) {
				t.Errorf("%s%s: have %v, want %v with %q",
					service, name, err, test.code, test.message)
			}
		}
	}
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	request := &reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{
			FileContainingSymbol: "book.BookService",
		},
	}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil || len(response.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("reflection: have %v, %v", response, err)
	}
}

func TestRateLimitAsAForeignClientSeesIt(t *testing.T) {
	t.Parallel()
	p, conn := alone(t, "-rate-mode", "reject", "-rate-burst", "2", "-rate-every", "1h")
	c := book.NewBookServiceClient(conn)
	if _, err := c.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
		t.Error(err)
	}
	if _, err := c.GetBookList(t.Context(), &book.BookListParams{}); err != nil {
		t.Error(err)
	}
	var trailer metadata.MD
	params := &book.BookInfoParams{BookId: 1}
	_, err := c.GetBookInfo(t.Context(), params, grpc.Trailer(&trailer))
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("have %v, want ResourceExhausted: both methods share the limit", err)
	}
	pushback := trailer["grpc-retry-pushback-ms"]
	if len(pushback) != 1 || len(pushback[0]) != len("3600000") ||
		len(status.Convert(err).Details()) != 1 {
		t.Errorf("have the trailer %v and the details %v, want a delay of 1 h in both",
			trailer, status.Convert(err).Details())
	}
	for range 3 {
		if _, err := c.GetBookInfo(t.Context(), params); err == nil {
			t.Error("have a response beyond the limit")
		}
	}
	p.signal(t, syscall.SIGTERM)
	p.wait(t)
	counted := regexp.MustCompile(`rejected=(\d+) `).FindAllStringSubmatch(p.errs.String(), -1)
	if len(counted) != 2 || counted[0][1] != "1" || counted[1][1] != "3" {
		t.Errorf("have the counts %q in the log, want 1 and, at the end, 3", counted)
	}
}

// Health is NOT_SERVING before calls are refused: clients that watch it can leave in time.
func TestHealth(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	p, addr := serve(t, append(e.at(), "-drain-delay", "1h")...)
	conn := dial(t, addr)
	var watches []grpc.ServerStreamingClient[healthpb.HealthCheckResponse]
	for _, service := range []string{"", "book.BookService"} { // the server, and one service
		request := &healthpb.HealthCheckRequest{Service: service}
		watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		watches = append(watches, watch)
	}
	receive := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for _, watch := range watches {
			if have, err := watch.Recv(); err != nil || have.GetStatus() != want {
				t.Fatalf("have %v, %v, want %v", have, err, want)
			}
		}
	}
	receive(healthpb.HealthCheckResponse_SERVING)
	p.signal(t, syscall.SIGTERM)
	receive(healthpb.HealthCheckResponse_NOT_SERVING)
	books := book.NewBookServiceClient(conn)
	if _, err := books.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
		t.Errorf("during the drain: have %v, want a response", err)
	}
}
