package discovery

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A failureRecord holds the last reason why a request could not be sent, or was not answered. The
// etcd client hides it: its error for a request whose deadline has ended is that of the context.
type failureRecord struct {
	parent *failureRecord // nil, or one that stores the reason as well

	mu     sync.Mutex
	reason string
}

type failureKey struct{}

func withFailureRecord(ctx context.Context, f *failureRecord) context.Context {
	return context.WithValue(ctx, failureKey{}, f)
}

// record stores the reason of err, if it has one.
func (f *failureRecord) record(err error) {
	reason := failureReason(err)
	if reason == "" {
		return
	}
	for ; f != nil; f = f.parent {
		f.mu.Lock()
		if !hides(reason, f.reason) {
			f.reason = reason
		}
		f.mu.Unlock()
	}
}

// hides reports whether the former reason says more: a server that refuses a certificate says so,
// and closes the connection, and the client may notice only the latter.
func hides(reason, former string) bool {
	closed := strings.Contains(reason, "broken pipe") || strings.Contains(reason, "reset by peer")
	return closed && strings.Contains(former, "tls: ")
}

func (f *failureRecord) clear() { f.set("") }

func (f *failureRecord) set(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reason = reason
}

// String returns the reason in parentheses after a space, or "" if there is none. A request that
// had no time to fail has that of the parent.
func (f *failureRecord) String() string {
	for ; f != nil; f = f.parent {
		f.mu.Lock()
		reason := f.reason
		f.mu.Unlock()
		if reason != "" {
			return " (" + reason + ")"
		}
	}
	return ""
}

// failureReason returns the reason in the error of a request: that of the last attempt to connect,
// if gRPC reports one, or the text of an error with code Unavailable.
func failureReason(err error) string {
	s, ok := status.FromError(err)
	if !ok {
		return ""
	}
	text := s.Message()
	const connecting = "connection error: desc = "
	i := strings.LastIndex(text, connecting)
	if i < 0 {
		if s.Code() != codes.Unavailable {
			return ""
		}
		return text
	}
	quoted, err := strconv.QuotedPrefix(text[i+len(connecting):])
	if err != nil {
		return text[i:]
	}
	text, _ = strconv.Unquote(quoted)
	text = strings.TrimPrefix(text, "transport: ")
	text = strings.TrimPrefix(text, "Error while dialing: ")
	if reason, ok := strings.CutPrefix(text, "authentication handshake failed: "); ok {
		if !strings.Contains(reason, ": ") { // EOF, and not the error of package tls or x509
			reason += ", possibly because etcd requires http://"
		}
		return "TLS handshake: " + reason
	}
	const readingPreface = "error reading server preface: "
	switch preface := strings.HasPrefix(text, readingPreface); {
	case preface && strings.Contains(text, "use of closed network connection"):
		return "connections are accepted and not answered"
	case preface && strings.Contains(text, "remote error: tls: "): // an alert of TLS 1.3
		return "TLS handshake: " + strings.TrimPrefix(text, readingPreface)
	case preface:
		return text + ", possibly because etcd requires https://"
	default:
		return text
	}
}

// failFastUnary is a [grpc.UnaryClientInterceptor]. It makes a request fail at once, instead of at
// its deadline, when an attempt to connect has failed, and records why.
func failFastUnary(
	ctx context.Context, method string, request, response any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	err := invoke(ctx, method, request, response, conn, failFast(opts)...)
	recordFailure(ctx, err)
	return err
}

// failFastStream is failFastUnary for streams.
func failFastStream(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, conn, method, failFast(opts)...)
	recordFailure(ctx, err)
	return stream, err
}

func failFast(opts []grpc.CallOption) []grpc.CallOption {
	return append(slices.Clip(opts), grpc.WaitForReady(false))
}

func recordFailure(ctx context.Context, err error) {
	if f, ok := ctx.Value(failureKey{}).(*failureRecord); ok && err != nil {
		f.record(err)
	}
}
