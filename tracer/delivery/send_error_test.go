package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bookservice/tracer/delivery"
)

func TestHTTPError(t *testing.T) {
	for status, want := range map[int]delivery.Kind{
		199: delivery.RetryAfterFix,
		301: delivery.RetryAfterFix, 302: delivery.RetryAfterFix,
		400: delivery.Bisect, 401: delivery.RetryAfterFix, 403: delivery.RetryAfterFix,
		404: delivery.RetryAfterFix, 405: delivery.RetryAfterFix, 408: delivery.Retry,
		410: delivery.RetryAfterFix, 413: delivery.Split, 415: delivery.RetryAfterFix,
		422: delivery.Bisect, 425: delivery.Retry, 429: delivery.Retry,
		500: delivery.Retry, 502: delivery.Retry, 503: delivery.Retry, 504: delivery.Retry,
		599: delivery.Retry, 600: delivery.RetryAfterFix,
	} {
		var e *delivery.SendError
		if err := delivery.HTTPError(status, nil, nil); !errors.As(err, &e) || e.Kind != want {
			t.Errorf("%d: have %v of kind %v, want %v", status, err, e.Kind, want)
		}
	}
	for _, status := range []int{200, 202, 204, 299} {
		if err := delivery.HTTPError(status, nil, nil); err != nil {
			t.Errorf("%d: have %v, want nil", status, err)
		}
	}
	const want = "the collector answered 404 Not Found"
	if have := delivery.HTTPError(404, nil, nil).Error(); have != want {
		t.Errorf("have %q, want %q", have, want)
	}
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock stands at 2000-01-01 00:00:00 UTC
		for value, want := range map[string]time.Duration{
			"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999": 5 * time.Minute,
			"10000000000": 5 * time.Minute, "-10000000000": 0,
			"99999999999999999999": 5 * time.Minute, "-99999999999999999999": 0,
			"300": 5 * time.Minute, "299": 299 * time.Second, "301": 5 * time.Minute,
			"Sat, 01 Jan 2000 00:01:30 GMT": 90 * time.Second,
			"Fri, 21 Oct 1994 07:28:00 GMT": 0,
			"Wed, 21 Oct 2115 07:28:00 GMT": 5 * time.Minute,
		} {
			var e *delivery.SendError
			err := delivery.HTTPError(429, http.Header{"Retry-After": {value}}, nil)
			if !errors.As(err, &e) || e.After != want {
				t.Errorf("%q: have %v, want %v", value, e.After, want)
			}
		}
	})
}

// A SendError needs no Err, and the queue finds a wrapped one.
func TestSendError(t *testing.T) {
	const noErr = "batch not accepted"
	if have := (&delivery.SendError{}).Error(); have != noErr {
		t.Errorf("have %q, want %q", have, noErr)
	}
	cause := errors.New("cause")
	if err := error(&delivery.SendError{Err: cause}); !errors.Is(err, cause) {
		t.Errorf("have %v, want it to wrap its cause", err)
	}
	for _, err := range []error{
		&delivery.SendError{Kind: delivery.RetryAfterFix},
		fmt.Errorf("wrapped: %w", &delivery.SendError{
			Kind: delivery.RetryAfterFix, Err: errors.New(noErr)}),
	} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			to := &destination{}
			to.answer = func(context.Context, int, []string) error { return err }
			q, err := delivery.New(delivery.Config{}, to.send, textLog(&log))
			if err != nil {
				t.Fatal(err)
			}
			q.Add([]byte("x"))
			<-time.After(time.Second)
			const want = "1 spans lost: " + noErr
			if err := closeWithin(q, time.Second); err == nil || err.Error() != want {
				t.Errorf("have %v, want %s", err, want)
			}
			if !strings.Contains(log.String(), "check the configuration") {
				t.Errorf("have %q, want an error of the configuration", log.String())
			}
		})
	}
}
