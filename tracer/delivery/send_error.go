package delivery

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// A SendError is an error of a Send that says what is to become of the batch. Any other error means: again, after a backoff.
type SendError struct {
	Kind     Kind
	After    time.Duration // for Retry: not before this time has passed
	Rejected int           // for Partial: how many of the records were refused
	Err      error
}

// Kind is what a destination means by an error.
type Kind uint8

const (
	Retry         Kind = iota // again, after a backoff or when the destination has asked for it
	Split                     // in smaller parts
	Bisect                    // one of the records is bad; without it the others would be taken
	RetryAfterFix             // again, slowly: a person has to mend something
	Drop                      // not at all
	Partial                   // taken but for some records, which must not be sent again
)

// Error returns the text of Err.
func (r *SendError) Error() string { return r.Err.Error() }

// Unwrap returns Err.
func (r *SendError) Unwrap() error { return r.Err }

// asSendError returns what err means.
func asSendError(err error) *SendError {
	var r *SendError
	if errors.As(err, &r) {
		return r
	}
	return &SendError{Kind: Retry, Err: err}
}

// HTTPError returns what an answer with this status means, nil for one of 2xx: 408, 425, 429 and 5xx are Retry, with the
// time that Retry-After gives in seconds or as a date (RFC 9110); 413 is Split; 400 and 422 are Bisect. All else is
// RetryAfterFix, 401, 403, 404, 405 and redirections above all: somebody has to put it right.
func HTTPError(status int, header http.Header) error {
	r := &SendError{Kind: RetryAfterFix, Err: fmt.Errorf("the collector answered %d %s", status, http.StatusText(status))}
	switch {
	case status/100 == 2:
		return nil
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		r.Kind = Bisect
	case status == http.StatusRequestEntityTooLarge:
		r.Kind = Split
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status/100 == 5:
		r.Kind, r.After = Retry, retryAfter(header.Get("Retry-After"))
	}
	return r
}

// maxRetryAfter bounds what a destination may ask for.
const maxRetryAfter = 5 * time.Minute

func retryAfter(value string) time.Duration {
	var d time.Duration
	if seconds, err := strconv.Atoi(value); err == nil {
		d = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = time.Until(at)
	}
	return min(max(d, 0), maxRetryAfter)
}
