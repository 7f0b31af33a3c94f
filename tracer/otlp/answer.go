package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/settings"
)

// An answer records whether a request over gRPC has been answered with a status. gRPC gives a
// status to every request that fails, whatever the cause, so the status alone does not tell.
type answer struct {
	header  atomic.Bool // of gRPC, before the trailer
	trailer atomic.Bool // of gRPC: it contains the status
}

// answerKey is the key of an *answer in the context of a request.
type answerKey struct{}

// An answerHandler records answers. It implements [stats.Handler].
type answerHandler struct{}

// HandleRPC implements [stats.Handler]. gRPC reports neither an HTTP response that is not gRPC's
// nor a stream that was reset.
func (answerHandler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	a, ok := ctx.Value(answerKey{}).(*answer)
	if !ok {
		return
	}
	switch event.(type) {
	case *stats.Begin: // of the first attempt, or of another one on another connection
		a.header.Store(false)
		a.trailer.Store(false)
	case *stats.InHeader:
		a.header.Store(true)
	case *stats.InTrailer:
		a.trailer.Store(true)
	}
}

// TagRPC implements [stats.Handler].
func (answerHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements [stats.Handler].
func (answerHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

// HandleConn implements [stats.Handler].
func (answerHandler) HandleConn(context.Context, stats.ConnStats) {}

// sendError returns what err, the result of the request, means for the batch.
func (a *answer) sendError(err error, secrets settings.Secrets) error {
	st := status.Convert(err)
	if st.Code() == codes.OK {
		return nil
	}
	text := secrets.Quote(st.Message())
	if !a.hasStatus(st) {
		return &delivery.SendError{Kind: brokenKind(st), Err: errors.New(text)}
	}
	e := verdict(st)
	e.Err = fmt.Errorf("the collector answered %v: %s", st.Code(), text)
	return e
}

// hasStatus reports whether the status is one that the collector has sent.
func (a *answer) hasStatus(st *status.Status) bool {
	switch {
	case !a.trailer.Load():
		return false // the stream was reset, the connection closed, or the response is not gRPC's
	case st.Code() == codes.Unknown && st.Message() == "":
		return false // the trailer has no status: gRPC says Unknown
	}
	// gRPC rejects some answers that end well: those without a message, or with half of one.
	for _, text := range []string{"cardinality violation", "unexpected EOF"} {
		if strings.HasPrefix(st.Message(), text) {
			return false
		}
	}
	// It rejects messages with these words, too. A collector that uses them rejects the request,
	// and then sends no message and so no header.
	return !a.header.Load() || !strings.HasPrefix(st.Message(), "grpc: ")
}

// verdict returns what a status that the collector has sent means for the batch (OpenTelemetry
// Protocol Specification: failures). It sets all fields but Err.
func verdict(st *status.Status) *delivery.SendError {
	e := &delivery.SendError{Kind: delivery.Drop}
	var retryInfo bool
	e.After, retryInfo = retryDelay(st)
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.Unavailable, codes.DataLoss:
		e.Kind = delivery.Retry
	case codes.OutOfRange:
		e.Kind = delivery.Retry
		if tooLarge(st) { // tonic's code for it
			e.Kind = delivery.Split
		}
	case codes.ResourceExhausted:
		switch {
		case retryInfo:
			e.Kind = delivery.Retry
		case tooLarge(st):
			e.Kind = delivery.Split
		}
	case codes.InvalidArgument:
		e.Kind = delivery.Bisect
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		e.Kind = delivery.RetryAfterFix
	}
	return e
}

// maxRetryDelay is the longest pause that a collector can request.
const maxRetryDelay = 5 * time.Minute

// retryDelay returns the pause that the collector requests, and whether it requests one.
func retryDelay(st *status.Status) (after time.Duration, requested bool) {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			after, requested = info.GetRetryDelay().AsDuration(), true
		}
	}
	return min(max(after, 0), maxRetryDelay), requested
}

var (
	// tooLargeText matches what the implementations of gRPC say of a message above their limit:
	// those in Go, Java, C++, .NET, Rust and Swift.
	tooLargeText = regexp.MustCompile(`(?i)message.*(larger than|too large|exceed.*(size|max))`)

	// httpStatusText matches what gRPC says of an HTTP response that is not gRPC's.
	httpStatusText = regexp.MustCompile(
		`^unexpected HTTP status code received from server: ([0-9]{3})\b`)
)

// tooLarge reports whether a status means that the message is too large. The code alone does not
// tell.
func tooLarge(st *status.Status) bool { return tooLargeText.MatchString(st.Message()) }

// brokenKind returns what to do with a batch whose request was not answered by the collector. It is
// sent again.
func brokenKind(st *status.Status) delivery.Kind {
	if found := httpStatusText.FindStringSubmatch(st.Message()); found != nil {
		code, _ := strconv.Atoi(found[1]) // a number
		return httpKind(code)
	}
	switch {
	case strings.HasPrefix(st.Message(), "header list size to send"):
		return delivery.RetryAfterFix
	case st.Code() == codes.ResourceExhausted && tooLarge(st):
		return delivery.Split // the request or the answer
	}
	return delivery.Retry
}

// httpKind returns what a response without a gRPC status means. It is not the collector's.
func httpKind(code int) delivery.Kind {
	switch {
	case code == http.StatusRequestEntityTooLarge:
		return delivery.Split
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly,
		code == http.StatusTooManyRequests, code/100 == 5:
		return delivery.Retry
	}
	return delivery.RetryAfterFix // a redirect, a web page, a proxy that does not know gRPC
}
