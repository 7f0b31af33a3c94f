package delivery

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A SendError is an error of a [SendFunc] that determines what the queue does with the batch. Any
// other error means [Retry]. The queue finds a wrapped SendError.
type SendError struct {
	Kind     Kind
	After    time.Duration // with Retry: the delay that the destination requested, or 0
	Rejected int           // with Partial: the number of rejected spans
	Err      error         // the cause, for the log and for the error of Close
}

// Kind is what the queue does with a batch after a failed attempt.
type Kind uint8

const (
	// Retry sends the batch again after a backoff. Until SendError.After has passed, or Close is
	// called, the queue sends no batch at all.
	Retry Kind = iota
	// Split means that the batch is too large. It is sent in two halves. A single span is dropped
	// if the destination accepts other spans. Otherwise it is kept, as with RetryAfterFix.
	Split
	// Bisect means that a span of the batch is malformed. The batch is halved until only the
	// malformed span is dropped. If the destination accepts no other span, all are kept, as with
	// RetryAfterFix.
	Bisect
	// RetryAfterFix means that the configuration is wrong. The error is logged, and the batch is
	// sent again every Config.MaxBackoff.
	RetryAfterFix
	// Drop drops the batch.
	Drop
	// Partial means that the destination accepted the batch except for SendError.Rejected spans,
	// which are dropped.
	Partial
)

// Error returns the text of e.Err.
func (e *SendError) Error() string {
	if e.Err == nil {
		return "batch not accepted"
	}
	return e.Err.Error()
}

// Unwrap returns e.Err.
func (e *SendError) Unwrap() error { return e.Err }

// asSendError returns the SendError in err, or a Retry error. Its Err is not nil.
func asSendError(err error) *SendError {
	var e *SendError
	if !errors.As(err, &e) {
		return &SendError{Kind: Retry, Err: err}
	}
	if e.Err == nil {
		withErr := *e
		withErr.Err = errors.New(e.Error())
		return &withErr
	}
	return e
}

// HTTPError returns the error of a [SendFunc] for an HTTP response. It returns nil for a 2xx
// status, otherwise a [*SendError]:
//
//   - 408, 425, 429 and 5xx are [Retry], with the delay of the Retry-After header (RFC 9110,
//     section 10.2.3: seconds or a date), at most 5 minutes.
//   - 413 is [Split].
//   - 400 and 422 are [Bisect].
//   - All other statuses are [RetryAfterFix], for example 401, 403, 404, 405 and redirects.
//
// The text has the first 200 bytes of the body in one line.
func HTTPError(status int, header http.Header, body []byte) error {
	e := &SendError{Kind: RetryAfterFix, Err: fmt.Errorf("the collector answered %d %s%s",
		status, http.StatusText(status), quote(body))}
	switch {
	case status/100 == 2:
		return nil
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		e.Kind = Bisect
	case status == http.StatusRequestEntityTooLarge:
		e.Kind = Split
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests, status/100 == 5:
		e.Kind, e.After = Retry, retryAfter(header.Get("Retry-After"))
	}
	return e
}

// maxQuoted is how many bytes of an answer are quoted.
const maxQuoted = 200

// quote returns the text of an answer in one line, with ": " before it. It returns nothing for an
// answer without text.
func quote(body []byte) string {
	text := strings.ToValidUTF8(string(body[:min(len(body), maxQuoted)]), "")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.IsSpace(r)
	}), " ")
	if text == "" {
		return ""
	}
	return ": " + text
}

// maxRetryAfter is the longest delay that the Retry-After header can request.
const maxRetryAfter = 5 * time.Minute

func retryAfter(value string) time.Duration {
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		const most = int64(maxRetryAfter / time.Second)
		return time.Duration(min(max(seconds, 0), most)) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(time.Until(at), 0), maxRetryAfter)
}
